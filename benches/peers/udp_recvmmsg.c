/*
 * The batched C server: up to 64 datagrams in by one recvmmsg, their capitals out by one sendmmsg.
 * It saves system calls, not packet buffers: each datagram is still one buffer in the kernel.
 */
#define _GNU_SOURCE
#include "peer.h"

enum {
    BATCH = 64,
    /* One page more than the largest datagram: at a power of two the buffers' beginnings would all
     * fall on the same few cache sets. */
    STRIDE = 65536 + 4096,
};

static char texts[BATCH][STRIDE];
static struct sockaddr_in clients[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

int main(int argc, char **argv)
{
    struct peer_options options = peer_parse(argc, argv);
    int fd = peer_bind(&options, SOCK_DGRAM);
    /* MSG_WAITFORONE sleeps for the first datagram and takes what else is there. */
    int flags = options.spin ? MSG_DONTWAIT : MSG_WAITFORONE;
    for (int i = 0; i < BATCH; i++) {
        vectors[i].iov_base = texts[i];
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &clients[i];
        vectors[i].iov_len = STRIDE;
        messages[i].msg_hdr.msg_namelen = sizeof clients[i];
    }
    for (;;) {
        int received = recvmmsg(fd, messages, BATCH, flags, NULL);
        if (received < 0) {
            if (again())
                continue;
            die("recvmmsg");
        }
        for (int i = 0; i < received; i++) {
            upper_case(texts[i], messages[i].msg_len);
            vectors[i].iov_len = messages[i].msg_len;
        }
        for (int sent = 0; sent < received;) {
            int n = sendmmsg(fd, messages + sent, (unsigned)(received - sent), 0);
            /* Skip the one that cannot be sent: the generator counts it as lost. */
            sent += n > 0 ? n : 1;
        }
        for (int i = 0; i < received; i++) {
            vectors[i].iov_len = STRIDE;
            messages[i].msg_hdr.msg_namelen = sizeof clients[i];
        }
    }
}
