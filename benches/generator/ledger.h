/*
 * The ledger of the datagram generator: which numbers of a flow are in flight, which answer settles
 * which of them, and the counts that must sum. How datagrams travel lives in udp.c.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "generator.h"

struct flow {
    int fd;
    bool active;              /* in the ring of flows that wait for answers */
    bool ready;               /* in the ring of flows that have room to send */
    uint32_t outstanding;
    uint64_t base, next;      /* the oldest number not settled, and the next to send */
    uint64_t likely;          /* the number the next answer has when nothing is out of order */
    uint64_t progress_ns;
    uint8_t *open;            /* by number modulo the ring's size: sent and not yet settled */
};

struct counts {
    uint64_t sent, answered, corrupt, lost, late_or_duplicate, foreign;
};

static struct counts counts;
static struct flow *flows;
static uint64_t outstanding;      /* of all flows */
static uint32_t window_mask;      /* the size of the flows' rings, a power of two, less one */
static size_t header, answer_length;
static struct body body;
static char *expected_run;        /* as many answers as a run can have, bodies in place */

/* Notes that the flow's next numbers are in flight. */
static inline void note_sent(struct flow *flow, uint32_t amount)
{
    for (uint32_t i = 0; i < amount; i++)
        flow->open[(flow->next + i) & window_mask] = 1;
    flow->next += amount;
    flow->outstanding += amount;
    outstanding += amount;
    counts.sent += amount;
}

/* The outstanding number that an answer's header stands for: the oldest that fits. */
static inline bool find_number(uint32_t index, const char *answer, size_t length, uint64_t *number)
{
    struct flow *flow = &flows[index];
    uint64_t value;
    if (length < header || !read_header(answer, header, &value) ||
        (header == FULL_HEADER && value >> NUMBER_BITS != index)) {
        counts.foreign++;
        return false;
    }
    unsigned bits = header == FULL_HEADER ? NUMBER_BITS : 4 * (unsigned)header;
    uint64_t modulus = (uint64_t)1 << bits;
    uint64_t candidate = flow->base + ((value - flow->base) & (modulus - 1));
    for (; candidate < flow->next; candidate += modulus)
        if (flow->open[candidate & window_mask]) {
            *number = candidate;
            return true;
        }
    counts.late_or_duplicate++;
    return false;
}

/* Matches one answer with its request, compares it, and settles the request. */
static inline void settle(uint32_t index, const char *answer, size_t length)
{
    struct flow *flow = &flows[index];
    char expected[FULL_HEADER];
    uint64_t number = flow->likely;
    write_header(index, number, 'A', expected, header);
    bool right = length == answer_length && number < flow->next && flow->open[number & window_mask] &&
                 memcmp(answer, expected, header) == 0;
    if (!right) {
        if (!find_number(index, answer, length, &number))
            return;
        write_header(index, number, 'A', expected, header);
        right = length == answer_length && memcmp(answer, expected, header) == 0;
    }
    right = right && memcmp(answer + header, body.answer, body.answer_length) == 0;
    if (right)
        counts.answered++;
    else
        counts.corrupt++;
    flow->open[number & window_mask] = 0;
    flow->likely = number + 1;
    flow->outstanding--;
    outstanding--;
    while (flow->base < flow->next && !flow->open[flow->base & window_mask])
        flow->base++;
}

/* Settles a run at once when all of it came right and in order, which is the usual case and far
 * cheaper than one by one. False: nothing is settled. */
static inline bool settle_run(uint32_t index, const char *answers, size_t length)
{
    struct flow *flow = &flows[index];
    uint32_t amount = (uint32_t)(length / answer_length);
    bool in_order = length % answer_length == 0 && flow->likely == flow->base &&
                    amount <= flow->outstanding && flow->outstanding == flow->next - flow->base;
    if (!in_order)
        return false;
    for (uint32_t i = 0; i < amount; i++)
        write_header(index, flow->base + i, 'A', expected_run + i * answer_length, header);
    if (memcmp(answers, expected_run, length) != 0)
        return false;
    for (uint32_t i = 0; i < amount; i++)
        flow->open[(flow->base + i) & window_mask] = 0;
    flow->base = flow->likely = flow->base + amount;
    flow->outstanding -= amount;
    outstanding -= amount;
    counts.answered += amount;
    return true;
}

/* Texts in flight are lost. An answer that arrives after this is late. */
static inline void give_up(struct flow *flow)
{
    counts.lost += flow->outstanding;
    outstanding -= flow->outstanding;
    flow->outstanding = 0;
    memset(flow->open, 0, window_mask + 1);
    flow->base = flow->likely = flow->next;
}

#endif
