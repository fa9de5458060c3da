/*
 * What every C peer shares: its arguments, its bound loopback socket, the line that names its port,
 * and the upper-casing. What a peer does with its datagrams or its stream lives in the peer itself.
 *
 * The peers upper-case ASCII alone: every other byte stays, so they answer ASCII texts rightly and
 * no others. That makes them faster than a server that owes the whole of Unicode, never slower.
 */
#ifndef PEER_H
#define PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

struct peer_options {
    uint16_t port;           /* 0 lets the kernel choose */
    bool spin;               /* poll without ever sleeping */
    int receive_buffer;      /* SO_RCVBUF in bytes, before the kernel doubles it */
};

static inline void die(const char *operation)
{
    perror(operation);
    exit(1);
}

/* PORT [--spin] [--receive-buffer BYTES] */
static inline struct peer_options peer_parse(int argc, char **argv)
{
    struct peer_options options = { .port = 0, .spin = false, .receive_buffer = 4 << 20 };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--spin") == 0)
            options.spin = true;
        else if (strcmp(argv[i], "--receive-buffer") == 0 && i + 1 < argc)
            options.receive_buffer = atoi(argv[++i]);
        else if (i == 1 && argv[i][0] >= '0' && argv[i][0] <= '9')
            options.port = (uint16_t)atoi(argv[i]);
        else {
            fprintf(stderr, "usage: %s PORT [--spin] [--receive-buffer BYTES]\n", argv[0]);
            exit(2);
        }
    }
    /* No peer outlives the harness that started it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return options;
}

/* Binds a loopback socket and prints its port on stdout. */
static inline int peer_bind(const struct peer_options *options, int type)
{
    int fd = socket(AF_INET, type, 0);
    if (fd < 0)
        die("socket");
    bool stream = (type & SOCK_STREAM) != 0; /* the type may carry SOCK_NONBLOCK */
    int on = 1;
    if (stream)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    else
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options->receive_buffer, sizeof(int));
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(options->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("bind");
    if (stream && listen(fd, 4096) < 0)
        die("listen");
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        die("getsockname");
    printf("port %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* A branch-free loop, so that the compiler vectorises it. */
static inline void upper_case(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        text[i] = (char)(byte - ((unsigned char)(byte - 'a') < 26 ? 32 : 0));
    }
}

/* Nothing to read yet, or interrupted by a signal: try again. */
static inline bool again(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

#endif
