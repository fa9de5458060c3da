/*
 * The C server of streams: one thread, one epoll, bytes in and their capitals out. What a client
 * does not take at once waits in the connection, which is not read again before it is gone, so that
 * memory is bounded. A half-close is answered with all that is due and then a half-close.
 */
#define _GNU_SOURCE
#include "peer.h"
#include <sys/epoll.h>

enum {
    EVENTS = 256,
    /* Large enough to make a bulk transfer cheap, small enough to stay in a core's own cache. */
    READ_SIZE = 128 << 10,
};

struct connection {
    int fd;
    size_t pending_offset, pending_length;
    char *pending; /* allocated at the first write that is cut short */
};

static char text[READ_SIZE];

static void close_connection(struct connection *connection)
{
    close(connection->fd);
    free(connection->pending);
    free(connection);
}

static void watch(int epoll, struct connection *connection, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = connection };
    epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

/* Writes what it can and returns the number of bytes, or -1 when the connection is broken. */
static ssize_t write_some(int fd, const char *bytes, size_t length)
{
    ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
    return n < 0 && again() ? 0 : n;
}

/* Reads once, answers. False: the connection is over. */
static bool on_readable(int epoll, struct connection *connection)
{
    ssize_t length = recv(connection->fd, text, sizeof text, 0);
    if (length < 0)
        return again();
    if (length == 0)
        return false;
    upper_case(text, (size_t)length);
    ssize_t n = write_some(connection->fd, text, (size_t)length);
    if (n < 0)
        return false;
    if (n < length) {
        if (connection->pending == NULL && (connection->pending = malloc(READ_SIZE)) == NULL)
            return false;
        connection->pending_offset = 0;
        connection->pending_length = (size_t)(length - n);
        memcpy(connection->pending, text + n, (size_t)(length - n));
        watch(epoll, connection, EPOLLOUT);
    }
    return true;
}

static bool on_writable(int epoll, struct connection *connection)
{
    ssize_t n = write_some(connection->fd, connection->pending + connection->pending_offset,
                           connection->pending_length);
    if (n < 0)
        return false;
    connection->pending_offset += (size_t)n;
    connection->pending_length -= (size_t)n;
    if (connection->pending_length == 0)
        watch(epoll, connection, EPOLLIN);
    return true;
}

static void accept_all(int epoll, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL)
            die("calloc");
        connection->fd = fd;
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv)
{
    struct peer_options options = peer_parse(argc, argv);
    int listener = peer_bind(&options, SOCK_STREAM | SOCK_NONBLOCK);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    /* The listener has no connection: its event carries NULL. */
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll");
    static struct epoll_event events[EVENTS];
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, options.spin ? 0 : -1);
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL)
                accept_all(epoll, listener);
            else if (connection->pending_length > 0) {
                if (!on_writable(epoll, connection))
                    close_connection(connection);
            } else if (!on_readable(epoll, connection))
                close_connection(connection);
        }
    }
}
