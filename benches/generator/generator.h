/*
 * What the datagram and the stream generator share: arguments, clocks, and the numbered texts with
 * their expected answers. How texts travel lives in udp.c and tcp.c.
 *
 * A text is a header that numbers it, then a body that is the same for all texts of a run. The
 * header is made of the letters a to p, a letter for four bits, so that upper-casing changes every
 * byte of it. From 16 bytes on it is 6 letters of the flow and 10 of the number; a shorter text has
 * the last letters of the number alone.
 */
#ifndef GENERATOR_H
#define GENERATOR_H

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FULL_HEADER = 16, NUMBER_LETTERS = 10, NUMBER_BITS = 4 * NUMBER_LETTERS };

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}

static inline void refuse(const char *why)
{
    fprintf(stderr, "generator: %s\n", why);
    exit(2);
}

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Accurate to a few milliseconds and far cheaper: for timeouts only. */
static inline uint64_t coarse_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* How long this process was runnable while another one had its CPU; 0 where the kernel keeps no
 * such account. */
static inline double wait_seconds(void)
{
    unsigned long long run_ns = 0, wait_ns = 0;
    FILE *file = fopen("/proc/self/schedstat", "r");
    if (file != NULL) {
        if (fscanf(file, "%llu %llu", &run_ns, &wait_ns) != 2)
            wait_ns = 0;
        fclose(file);
    }
    return (double)wait_ns / 1e9;
}

static inline void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        die("calloc");
    return memory;
}

/* The value of "--name VALUE", or the default. */
static inline const char *text_argument(int argc, char **argv, const char *name, const char *other)
{
    for (int i = 2; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return other;
}

static inline double number_argument(int argc, char **argv, const char *name, double other)
{
    const char *text = text_argument(argc, argv, name, NULL);
    if (text == NULL)
        return other;
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || end == text || value < 0)
        refuse("a number was expected after an option");
    return value;
}

/* Refuses unknown options, so that a typing error does not fall back to a default. */
static inline void check_arguments(int argc, char **argv, const char *const *known)
{
    if (argc % 2 != 0)
        refuse("usage: PORT [--option value]...");
    for (int i = 2; i < argc; i += 2) {
        const char *const *name = known;
        while (*name != NULL && strcmp(*name, argv[i]) != 0)
            name++;
        if (*name == NULL) {
            fprintf(stderr, "generator: unknown option %s\n", argv[i]);
            exit(2);
        }
    }
    /* No generator outlives the harness that started it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static inline size_t read_file(const char *path, char *bytes, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die(path);
    size_t length = fread(bytes, 1, capacity, file);
    fclose(file);
    return length;
}

/* Sixteen letters of a 64-bit value, the highest four bits first. `letter` is 'a' or 'A'. */
static inline uint64_t eight_letters(uint32_t value, char letter)
{
    uint64_t x = value;
    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
    return __builtin_bswap64(x + 0x0101010101010101 * (uint64_t)letter);
}

static inline void sixteen_letters(uint64_t value, char letter, char out[FULL_HEADER])
{
    uint64_t high = eight_letters((uint32_t)(value >> 32), letter);
    uint64_t low = eight_letters((uint32_t)value, letter);
    memcpy(out, &high, 8);
    memcpy(out + 8, &low, 8);
}

static inline size_t header_length(size_t text_length)
{
    if (text_length >= FULL_HEADER)
        return FULL_HEADER;
    return text_length < NUMBER_LETTERS ? text_length : NUMBER_LETTERS;
}

/* The header of one text of one flow. The store is whole when the header is. */
static inline void write_header(uint64_t flow, uint64_t number, char letter, char *out, size_t length)
{
    uint64_t value = flow << NUMBER_BITS | (number & (((uint64_t)1 << NUMBER_BITS) - 1));
    if (length == FULL_HEADER) {
        sixteen_letters(value, letter, out);
    } else {
        char all[FULL_HEADER];
        sixteen_letters(value, letter, all);
        memcpy(out, all + FULL_HEADER - length, length);
    }
}

/* Reads a header in either case. False: these are not our letters. */
static inline bool read_header(const char *header, size_t length, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned nibble = ((unsigned char)header[i] | 0x20u) - 'a';
        if (nibble > 15)
            return false;
        *value = *value << 4 | nibble;
    }
    return true;
}

/* The body and its expected answer: from files, or else plain letters and digits. */
struct body {
    char *text, *answer;
    size_t text_length, answer_length;
};

static inline struct body make_body(const char *text_path, const char *answer_path, size_t length)
{
    enum { CAPACITY = 65536 };
    struct body body = { .text = allocate(CAPACITY, 1), .answer = allocate(CAPACITY, 1) };
    if ((text_path == NULL) != (answer_path == NULL))
        refuse("--text and --expect belong together");
    if (text_path != NULL) {
        body.text_length = read_file(text_path, body.text, CAPACITY);
        body.answer_length = read_file(answer_path, body.answer, CAPACITY);
        return body;
    }
    static const char small[] = "the quick brown fox jumps over the lazy dog 0123456789, ";
    static const char large[] = "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG 0123456789, ";
    for (size_t i = 0; i < length; i++) {
        body.text[i] = small[i % (sizeof small - 1)];
        body.answer[i] = large[i % (sizeof large - 1)];
    }
    body.text_length = body.answer_length = length;
    return body;
}

#endif
