/*
 * The plainest C server: one datagram in by recvfrom, its capitals out by sendto. Two system calls
 * an answer, one buffer, no batch.
 */
#define _GNU_SOURCE
#include "peer.h"

int main(int argc, char **argv)
{
    struct peer_options options = peer_parse(argc, argv);
    int fd = peer_bind(&options, SOCK_DGRAM);
    int flags = options.spin ? MSG_DONTWAIT : 0;
    static char text[65536];
    for (;;) {
        struct sockaddr_in client;
        socklen_t client_length = sizeof client;
        ssize_t length =
            recvfrom(fd, text, sizeof text, flags, (struct sockaddr *)&client, &client_length);
        if (length < 0) {
            if (again())
                continue;
            die("recvfrom");
        }
        upper_case(text, (size_t)length);
        /* The generator counts a datagram that cannot be sent as lost. */
        (void)sendto(fd, text, (size_t)length, 0, (struct sockaddr *)&client, client_length);
    }
}
