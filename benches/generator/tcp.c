/*
 * The stream generator. `lines`: numbered lines over many connections, a window of them in flight on
 * each, every answer compared. `bulk`: one connection, written and read at once, every byte of the
 * answer compared with the repeating pattern it must be. Like the datagram generator it never
 * sleeps, and sent = answered + corrupt + lost always, in lines or in bytes.
 *
 * usage: PORT --mode lines [--connections N] [--window W] [--size S] [--seconds S] [--count N]
 *        PORT --mode bulk [--bytes N]
 *        both: [--timeout-ms T]
 */
#define _GNU_SOURCE
#include "generator.h"
#include <fcntl.h>
#include <sys/epoll.h>

enum {
    EVENTS = 256,
    CHUNK = 128 << 10,
    /* A prime, so that losing or doubling any power of two of bytes is noticed. */
    PATTERN = 65521,
};

struct connection {
    int fd;
    uint64_t next;          /* the number of the next line to send */
    uint64_t due;           /* the number of the next answer */
    uint64_t progress_ns;
    char *answer;           /* the part of the lines in flight that has arrived */
    size_t answer_length;
};

struct counts {
    uint64_t sent, answered, corrupt, lost;
};

static struct counts counts;
static uint64_t timeout_ns, start_ns, progress_ns;

static int open_connection(uint16_t port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void write_whole(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            die("send");
        if (n > 0) {
            bytes += n;
            length -= (size_t)n;
        }
    }
}

struct lines {
    size_t size, header;
    uint32_t window;
    uint64_t count_limit;
    double seconds;
    struct body body;
    char *texts, *expected; /* a window of lines, bodies in place */
};

/* Fills the window of one connection, unless the run is over. */
static void send_lines(const struct lines *lines, struct connection *connection, uint64_t index)
{
    uint64_t amount = lines->window - (connection->next - connection->due);
    if (amount > lines->count_limit - counts.sent)
        amount = lines->count_limit - counts.sent;
    for (uint64_t i = 0; i < amount; i++)
        write_header(index, connection->next + i, 'a', lines->texts + i * lines->size, lines->header);
    if (connection->next == connection->due)
        connection->progress_ns = coarse_ns();
    write_whole(connection->fd, lines->texts, amount * lines->size);
    connection->next += amount;
    counts.sent += amount;
}

/* Compares the whole lines that have arrived and keeps the rest. */
static void settle_lines(const struct lines *lines, struct connection *connection, uint64_t index)
{
    size_t at = 0;
    for (; connection->answer_length - at >= lines->size; at += lines->size) {
        write_header(index, connection->due++, 'A', lines->expected, lines->header);
        if (memcmp(connection->answer + at, lines->expected, lines->size) == 0)
            counts.answered++;
        else
            counts.corrupt++;
    }
    connection->answer_length -= at;
    memmove(connection->answer, connection->answer + at, connection->answer_length);
}

/* False: the connection is unusable. */
static bool receive_lines(const struct lines *lines, struct connection *connection, uint64_t index)
{
    size_t due = (connection->next - connection->due) * lines->size;
    if (due == 0)
        return false; /* unexpected bytes, or the server has closed */
    ssize_t n = recv(connection->fd, connection->answer + connection->answer_length,
                     due - connection->answer_length, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    connection->answer_length += (size_t)n;
    connection->progress_ns = progress_ns = coarse_ns();
    settle_lines(lines, connection, index);
    return n > 0;
}

static void give_up(struct connection *connection)
{
    counts.lost += connection->next - connection->due;
    connection->due = connection->next;
    close(connection->fd);
    connection->fd = -1;
}

static void run_lines(const struct lines *lines, uint16_t port, uint32_t connection_count)
{
    struct connection *connections = allocate(connection_count, sizeof *connections);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < connection_count; i++) {
        connections[i].fd = open_connection(port);
        connections[i].answer = allocate(lines->window, lines->size);
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event) < 0)
            die("epoll_ctl");
    }
    start_ns = progress_ns = now_ns(); /* connected: measuring starts now */
    uint64_t deadline_ns = start_ns + (uint64_t)(lines->seconds * 1e9);
    for (uint32_t i = 0; i < connection_count; i++)
        send_lines(lines, &connections[i], i);

    static struct epoll_event events[EVENTS];
    uint64_t look_for_silence_ns = coarse_ns() + timeout_ns;
    while (counts.sent > counts.answered + counts.corrupt + counts.lost) {
        int ready = epoll_wait(epoll, events, EVENTS, 0);
        bool sending = coarse_ns() < deadline_ns && counts.sent < lines->count_limit;
        for (int i = 0; i < ready; i++) {
            uint32_t index = events[i].data.u32;
            struct connection *connection = &connections[index];
            if (!receive_lines(lines, connection, index))
                give_up(connection);
            else if (sending && connection->next - connection->due < lines->window)
                send_lines(lines, connection, index);
        }
        if (coarse_ns() < look_for_silence_ns)
            continue;
        look_for_silence_ns = coarse_ns() + timeout_ns;
        for (uint32_t i = 0; i < connection_count; i++)
            if (connections[i].fd >= 0 && connections[i].next > connections[i].due &&
                coarse_ns() > connections[i].progress_ns + timeout_ns)
                give_up(&connections[i]);
    }
}

static void run_bulk(uint16_t port, uint64_t bytes)
{
    int fd = open_connection(port);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    /* As many repetitions as let every chunk begin anywhere in the first. */
    size_t length = PATTERN + CHUNK;
    char *pattern = allocate(length, 1), *expected = allocate(length, 1), *answer = allocate(CHUNK, 1);
    for (size_t i = 0; i < length; i++) {
        /* Letters in an order with no short period: the top bits of a linear congruence. */
        uint32_t mixed = (uint32_t)(i % PATTERN) * 2654435761u;
        pattern[i] = (char)('a' + (mixed >> 16) % 26);
        expected[i] = (char)(pattern[i] - 32);
    }
    uint64_t received = 0, last_ns = now_ns();
    bool half_closed = false;
    while (received < bytes) {
        bool idle = true;
        if (counts.sent < bytes) {
            size_t want = bytes - counts.sent < CHUNK ? (size_t)(bytes - counts.sent) : CHUNK;
            ssize_t n = send(fd, pattern + counts.sent % PATTERN, want, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN && errno != EINTR)
                die("send");
            if (n > 0) {
                counts.sent += (uint64_t)n;
                idle = false;
            }
        } else if (!half_closed) {
            shutdown(fd, SHUT_WR);
            half_closed = true;
        }
        ssize_t n = recv(fd, answer, CHUNK, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            die("recv");
        if (n == 0)
            break;
        if (n > 0) {
            bool right = received + (uint64_t)n <= counts.sent &&
                         memcmp(answer, expected + received % PATTERN, (size_t)n) == 0;
            *(right ? &counts.answered : &counts.corrupt) += (uint64_t)n;
            received += (uint64_t)n;
            idle = false;
        }
        if (!idle)
            last_ns = progress_ns = coarse_ns();
        else if (coarse_ns() > last_ns + timeout_ns)
            break;
    }
    if (received >= bytes)
        progress_ns = now_ns();
    counts.lost = counts.sent > received ? counts.sent - received : 0;
}

int main(int argc, char **argv)
{
    static const char *const known[] = { "--mode", "--connections", "--window", "--size", "--seconds",
                                         "--count", "--bytes", "--timeout-ms", NULL };
    check_arguments(argc, argv, known);
    const char *mode = text_argument(argc, argv, "--mode", "lines");
    uint16_t port = (uint16_t)atoi(argv[1]);
    timeout_ns = (uint64_t)(number_argument(argc, argv, "--timeout-ms", 2000) * 1e6);
    double cpu_before = cpu_seconds(), wait_before = wait_seconds();
    start_ns = progress_ns = now_ns();
    if (strcmp(mode, "bulk") == 0) {
        run_bulk(port, (uint64_t)number_argument(argc, argv, "--bytes", 1u << 30));
    } else if (strcmp(mode, "lines") == 0) {
        struct lines lines = {
            .size = (size_t)number_argument(argc, argv, "--size", 64),
            .window = (uint32_t)number_argument(argc, argv, "--window", 1),
            .count_limit = (uint64_t)number_argument(argc, argv, "--count", 1e15),
        };
        lines.seconds = number_argument(argc, argv, "--seconds", lines.count_limit < (uint64_t)1e15 ? 60 : 2);
        /* A window is written by a blocking call before its answers are read: it has to fit the
         * socket buffers whole. */
        if (lines.size < 2 || lines.window < 1 || lines.window * lines.size > 65536)
            refuse("a line has at least 2 bytes, a window at least one line and at most 65536 bytes");
        /* The line feed is the last byte of the body. */
        lines.header = header_length(lines.size - 1);
        lines.body = make_body(NULL, NULL, lines.size - lines.header);
        lines.body.text[lines.body.text_length - 1] = '\n';
        lines.body.answer[lines.body.answer_length - 1] = '\n';
        lines.texts = allocate(lines.window, lines.size);
        lines.expected = allocate(1, lines.size);
        for (uint32_t i = 0; i < lines.window; i++)
            memcpy(lines.texts + i * lines.size + lines.header, lines.body.text, lines.body.text_length);
        memcpy(lines.expected + lines.header, lines.body.answer, lines.body.answer_length);
        run_lines(&lines, port, (uint32_t)number_argument(argc, argv, "--connections", 1));
    } else {
        refuse("--mode is lines or bulk");
    }
    double elapsed = (double)(progress_ns > start_ns ? progress_ns - start_ns : 1) / 1e9;
    printf("{\"sent\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"corrupt\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"seconds\":%.6f,\"rate\":%.1f,"
           "\"cpu_seconds\":%.6f,\"wait_seconds\":%.6f,\"p50_ns\":null,\"p99_ns\":null}\n",
           counts.sent, counts.answered, counts.corrupt, counts.lost, elapsed,
           (double)counts.answered / elapsed, cpu_seconds() - cpu_before, wait_seconds() - wait_before);
    if (counts.sent != counts.answered + counts.corrupt + counts.lost) {
        fprintf(stderr, "generator: sent is not answered + corrupt + lost\n");
        return 1;
    }
    return 0;
}
