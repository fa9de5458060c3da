/*
 * The datagram generator: a closed loop of numbered texts over connected sockets, every answer
 * compared byte for byte with the expected one. It never sleeps (but see --wait sleep), so that its
 * own wake-ups are not attributed to the server. Its counts always sum:
 * sent = answered + corrupt + lost. A text is lost when its flow made no progress for the timeout.
 *
 * usage: PORT [--flows N] [--window W] [--burst B] [--outstanding O] [--size S]
 *        [--text FILE --expect FILE] [--offload on|off] [--seconds S] [--count N]
 *        [--timeout-ms T] [--wait spin|sleep]
 */
#define _GNU_SOURCE
#include "ledger.h"

enum {
    BATCH = 64,
    RUN_SEGMENTS = 64,  /* UDP_MAX_SEGMENTS of the older kernels */
    RUN_BYTES = 65507,
    RTT_CAPACITY = 1 << 22,
    /* Servers answer mostly in order: empty polls of the longest waiting flow before the next one
     * is polled. With thousands of flows each poll of another one is a row of cache misses. */
    EMPTY_POLLS_PER_FLOW = 16,
};

struct ring {
    uint32_t *flows, head, length, capacity;
};

static struct ring active, ready;
static uint32_t flow_count, window, burst;
static uint64_t outstanding_limit, count_limit, timeout_ns, deadline_ns, progress_ns;
static bool offload, sleeping;
static size_t text_length;
static char *texts;           /* a burst of texts, back to back, bodies in place */
static struct mmsghdr requests[BATCH], answers[BATCH];
static struct iovec request_vectors[BATCH], answer_vectors[BATCH];
static union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
} controls[BATCH];
static char *answer_buffers;
static size_t answer_stride;
static uint32_t *rtt_ns, rtt_count;
static bool answered_in_runs; /* the last answers came as one buffer: receive one at a time */

static void push(struct ring *ring, uint32_t flow)
{
    uint32_t tail = ring->head + ring->length++;
    ring->flows[tail >= ring->capacity ? tail - ring->capacity : tail] = flow;
}

static uint32_t pop(struct ring *ring)
{
    uint32_t flow = ring->flows[ring->head];
    ring->head = ring->head + 1 == ring->capacity ? 0 : ring->head + 1;
    ring->length--;
    return flow;
}

static void fail_if_refused(const char *operation)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS)
        return;
    die(operation);
}

/* Sends texts of one flow as runs (one buffer each) and returns how many were sent. */
static uint32_t send_runs(struct flow *flow, uint32_t amount)
{
    uint32_t most = (uint32_t)(RUN_BYTES / text_length);
    most = most > RUN_SEGMENTS ? RUN_SEGMENTS : most;
    for (uint32_t sent = 0; sent < amount;) {
        uint32_t run = amount - sent > most ? most : amount - sent;
        if (send(flow->fd, texts + sent * text_length, run * text_length, 0) < 0) {
            fail_if_refused("send");
            return sent;
        }
        sent += run;
    }
    return amount;
}

static uint32_t send_singles(struct flow *flow, uint32_t amount)
{
    if (amount == 1) {
        if (send(flow->fd, texts, text_length, 0) >= 0)
            return 1;
        fail_if_refused("send");
        return 0;
    }
    for (uint32_t sent = 0; sent < amount;) {
        uint32_t most = amount - sent > BATCH ? BATCH : amount - sent;
        for (uint32_t i = 0; i < most; i++)
            request_vectors[i].iov_base = texts + (sent + i) * text_length;
        int n = sendmmsg(flow->fd, requests, most, 0);
        if (n < 0) {
            fail_if_refused("sendmmsg");
            return sent;
        }
        sent += (uint32_t)n;
    }
    return amount;
}

/* Fills the flow's room, in whole bursts, as far as the limits allow. */
static void send_burst(uint32_t index)
{
    struct flow *flow = &flows[index];
    uint64_t room = window - (flow->next - flow->base);
    uint64_t amount = burst < room ? burst : room;
    if (amount > count_limit - counts.sent)
        amount = count_limit - counts.sent;
    for (uint64_t i = 0; i < amount; i++)
        write_header(index, flow->next + i, 'a', texts + i * text_length, header);
    uint32_t sent = offload ? send_runs(flow, (uint32_t)amount) : send_singles(flow, (uint32_t)amount);
    if (flow->outstanding == 0)
        flow->progress_ns = coarse_ns();
    note_sent(flow, sent);
}

static size_t answer_segment(struct msghdr *message, size_t length)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            return (size_t)size;
        }
    return length;
}

/* Receives the answers that have arrived, at most a batch. False: there was none. */
static bool receive_batch(uint32_t index)
{
    uint32_t most = flows[index].outstanding < BATCH ? flows[index].outstanding : BATCH;
    if (answered_in_runs)
        most = 1;
    int received = recvmmsg(flows[index].fd, answers, most, MSG_DONTWAIT, NULL);
    if (received < 0) {
        fail_if_refused("recvmmsg");
        return false;
    }
    for (int i = 0; i < received; i++) {
        struct msghdr *message = &answers[i].msg_hdr;
        const char *bytes = answer_buffers + (size_t)i * answer_stride;
        size_t length = answers[i].msg_len;
        size_t segment = offload ? answer_segment(message, length) : length;
        answered_in_runs = segment > 0 && segment < length;
        if (!answered_in_runs)
            settle(index, bytes, length);
        else if (segment != answer_length || !settle_run(index, bytes, length))
            for (size_t at = 0; at < length; at += segment)
                settle(index, bytes + at, length - at < segment ? length - at : segment);
        if (offload)
            message->msg_controllen = sizeof controls[i].bytes;
    }
    return true;
}

static void make_ready(uint32_t index)
{
    struct flow *flow = &flows[index];
    if (!flow->ready && window - (flow->next - flow->base) >= burst) {
        flow->ready = true;
        push(&ready, index);
    }
}

static void run(void)
{
    /* Reading the clock costs as much as an answer, so it is read now and then. */
    uint32_t until_clock = 0;
    uint32_t empty_polls = 0;
    bool sending = true;
    uint64_t coarse = coarse_ns();
    for (;;) {
        if (until_clock-- == 0) {
            until_clock = 32;
            coarse = coarse_ns();
            sending = sending && coarse < deadline_ns;
        }
        sending = sending && counts.sent < count_limit;
        while (sending && ready.length > 0 && outstanding + burst <= outstanding_limit &&
               counts.sent < count_limit) {
            uint32_t index = pop(&ready);
            flows[index].ready = false;
            send_burst(index);
            if (!flows[index].active && flows[index].outstanding > 0) {
                flows[index].active = true;
                push(&active, index);
            } else if (flows[index].outstanding == 0) {
                make_ready(index); /* the kernel took nothing: try again later */
                break;
            }
        }
        if (active.length == 0) {
            if (!sending)
                return;
            continue;
        }
        uint32_t index = active.flows[active.head];
        struct flow *flow = &flows[index];
        if (receive_batch(index))
            flow->progress_ns = progress_ns = coarse;
        else if (coarse > flow->progress_ns + timeout_ns)
            give_up(flow);
        else if (++empty_polls < EMPTY_POLLS_PER_FLOW)
            continue;
        empty_polls = 0;
        pop(&active);
        make_ready(index);
        flow->active = flow->outstanding > 0;
        if (flow->active)
            push(&active, index);
    }
}

/* One flow, one text in flight: the time from each send to its answer. */
static void ping_pong(void)
{
    struct flow *flow = &flows[0];
    rtt_ns = allocate(RTT_CAPACITY, sizeof *rtt_ns);
    char *answer = answer_buffers;
    for (;;) {
        uint64_t start = now_ns();
        if (counts.sent >= count_limit || start >= deadline_ns)
            return;
        send_burst(0);
        uint64_t now = start;
        while (flow->outstanding > 0) {
            ssize_t length = recv(flow->fd, answer, answer_stride, sleeping ? 0 : MSG_DONTWAIT);
            now = now_ns();
            if (length >= 0)
                settle(0, answer, (size_t)length);
            else
                fail_if_refused("recv");
            if (flow->outstanding > 0 && now > start + timeout_ns)
                give_up(flow);
        }
        progress_ns = now;
        if (rtt_count < RTT_CAPACITY)
            rtt_ns[rtt_count++] = (uint32_t)(now - start);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void open_flow(struct flow *flow, uint16_t port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    flow->fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (flow->fd < 0)
        die("socket");
    int receive_buffer = 4 << 20, on = 1, segment = (int)text_length;
    setsockopt(flow->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (offload && (setsockopt(flow->fd, SOL_UDP, UDP_GRO, &on, sizeof on) < 0 ||
                    setsockopt(flow->fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) < 0))
        die("setsockopt");
    if (sleeping) {
        struct timeval timeout = { .tv_sec = (time_t)(timeout_ns / 1000000000),
                                   .tv_usec = (suseconds_t)(timeout_ns % 1000000000 / 1000) };
        setsockopt(flow->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    }
    if (connect(flow->fd, (struct sockaddr *)&server, sizeof server) < 0)
        die("connect");
    flow->open = allocate(window_mask + 1, 1);
}

static void prepare_buffers(void)
{
    texts = allocate(burst, text_length);
    for (uint32_t i = 0; i < burst; i++)
        memcpy(texts + i * text_length + header, body.text, body.text_length);
    expected_run = allocate(65536 / answer_length + 1, answer_length);
    for (size_t i = 0; i <= 65536 / answer_length; i++)
        memcpy(expected_run + i * answer_length + header, body.answer, body.answer_length);
    /* A line apart, so that the buffers do not all begin on the same cache sets; and room to see
     * that an answer is too long. */
    answer_stride = offload ? 65536 + 4096 : (answer_length + 128) / 64 * 64;
    answer_buffers = allocate(BATCH, answer_stride);
    for (size_t i = 0; i < BATCH; i++) {
        request_vectors[i].iov_len = text_length;
        requests[i].msg_hdr.msg_iov = &request_vectors[i];
        requests[i].msg_hdr.msg_iovlen = 1;
        answer_vectors[i].iov_base = answer_buffers + i * answer_stride;
        answer_vectors[i].iov_len = answer_stride;
        answers[i].msg_hdr.msg_iov = &answer_vectors[i];
        answers[i].msg_hdr.msg_iovlen = 1;
        if (offload) {
            answers[i].msg_hdr.msg_control = controls[i].bytes;
            answers[i].msg_hdr.msg_controllen = sizeof controls[i].bytes;
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const known[] = { "--flows", "--window", "--burst", "--outstanding", "--size",
                                         "--text", "--expect", "--offload", "--seconds", "--count",
                                         "--timeout-ms", "--wait", NULL };
    check_arguments(argc, argv, known);
    flow_count = (uint32_t)number_argument(argc, argv, "--flows", 1);
    window = (uint32_t)number_argument(argc, argv, "--window", 1);
    offload = strcmp(text_argument(argc, argv, "--offload", "off"), "on") == 0;
    sleeping = strcmp(text_argument(argc, argv, "--wait", "spin"), "sleep") == 0;
    /* A run is sent whole; single datagrams are sent by halves, so that neither side ever idles. */
    burst = (uint32_t)number_argument(argc, argv, "--burst", offload || window < 2 ? window : window / 2);
    outstanding_limit = (uint64_t)number_argument(argc, argv, "--outstanding", 1e9);
    size_t size = (size_t)number_argument(argc, argv, "--size", 64);
    timeout_ns = (uint64_t)(number_argument(argc, argv, "--timeout-ms", 200) * 1e6);
    count_limit = (uint64_t)number_argument(argc, argv, "--count", 1e15);
    double seconds = number_argument(argc, argv, "--seconds", count_limit < (uint64_t)1e15 ? 60 : 2);
    if (flow_count < 1 || window < 1 || window > 65536 || burst < 1 || burst > window || size < 1 ||
        size > RUN_BYTES || outstanding_limit < burst)
        refuse("flows, window, burst, outstanding and size must fit each other");
    if (sleeping && (flow_count != 1 || window != 1))
        refuse("--wait sleep is for one flow with one text in flight");

    const char *text_path = text_argument(argc, argv, "--text", NULL);
    header = header_length(size);
    body = make_body(text_path, text_argument(argc, argv, "--expect", NULL), size - header);
    if (text_path != NULL)
        header = FULL_HEADER;
    text_length = header + body.text_length;
    answer_length = header + body.answer_length;
    for (window_mask = 1; window_mask < window; window_mask *= 2)
        ;
    window_mask--;
    prepare_buffers();

    flows = allocate(flow_count, sizeof *flows);
    active = (struct ring){ .flows = allocate(flow_count, 4), .capacity = flow_count };
    ready = (struct ring){ .flows = allocate(flow_count, 4), .capacity = flow_count };
    for (uint32_t i = 0; i < flow_count; i++) {
        open_flow(&flows[i], (uint16_t)atoi(argv[1]));
        make_ready(i);
    }

    double cpu_before = cpu_seconds(), wait_before = wait_seconds();
    uint64_t start = now_ns();
    progress_ns = start;
    deadline_ns = start + (uint64_t)(seconds * 1e9);
    if (flow_count == 1 && window == 1)
        ping_pong();
    else
        run();
    double elapsed = (double)(progress_ns > start ? progress_ns - start : 1) / 1e9;

    double waited = wait_seconds() - wait_before;
    qsort(rtt_ns, rtt_count, sizeof *rtt_ns, by_value);
    printf("{\"sent\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"corrupt\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"late_or_duplicate\":%" PRIu64 ","
           "\"foreign\":%" PRIu64 ",\"seconds\":%.6f,\"rate\":%.1f,\"cpu_seconds\":%.6f,\"wait_seconds\":%.6f",
           counts.sent, counts.answered, counts.corrupt, counts.lost, counts.late_or_duplicate,
           counts.foreign, elapsed, (double)counts.answered / elapsed, cpu_seconds() - cpu_before, waited);
    if (rtt_count > 0)
        printf(",\"p50_ns\":%u,\"p99_ns\":%u", rtt_ns[rtt_count / 2],
               rtt_ns[(uint64_t)rtt_count * 99 / 100]);
    else
        printf(",\"p50_ns\":null,\"p99_ns\":null");
    printf("}\n");
    if (counts.sent != counts.answered + counts.corrupt + counts.lost) {
        fprintf(stderr, "generator: sent is not answered + corrupt + lost\n");
        return 1;
    }
    return 0;
}
