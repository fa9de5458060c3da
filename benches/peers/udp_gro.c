/*
 * The C server of runs: receive offload (UDP_GRO) delivers equal-sized datagrams of one flow as one
 * buffer, which is upper-cased whole and answered with one segmented send (UDP_SEGMENT). The
 * reference for a server of runs.
 */
#define _GNU_SOURCE
#include "peer.h"

enum {
    BATCH = 64,
    /* See udp_recvmmsg.c: apart by more than a power of two. */
    STRIDE = 65536 + 4096,
};

/* One control message: the segment size. The kernel gives it as int and takes it as uint16_t. */
union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
};

static char texts[BATCH][STRIDE];
static struct sockaddr_in clients[BATCH];
static struct iovec vectors[BATCH];
static union control controls[BATCH];
static struct mmsghdr messages[BATCH];

/* The segment size of a received run, or 0 for a single datagram. */
static int segment_size(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            return size;
        }
    return 0;
}

static void prepare_to_receive(int i)
{
    vectors[i].iov_len = STRIDE;
    messages[i].msg_hdr.msg_namelen = sizeof clients[i];
    messages[i].msg_hdr.msg_control = controls[i].bytes;
    messages[i].msg_hdr.msg_controllen = sizeof controls[i].bytes;
}

static void prepare_to_send(int i)
{
    struct msghdr *message = &messages[i].msg_hdr;
    int size = segment_size(message);
    vectors[i].iov_len = messages[i].msg_len;
    if (size > 0 && (unsigned)size < messages[i].msg_len) {
        uint16_t segment = (uint16_t)size;
        controls[i].header.cmsg_level = SOL_UDP;
        controls[i].header.cmsg_type = UDP_SEGMENT;
        controls[i].header.cmsg_len = CMSG_LEN(sizeof segment);
        memcpy(CMSG_DATA(&controls[i].header), &segment, sizeof segment);
        message->msg_controllen = CMSG_SPACE(sizeof segment);
    } else {
        message->msg_control = NULL;
        message->msg_controllen = 0;
    }
}

int main(int argc, char **argv)
{
    struct peer_options options = peer_parse(argc, argv);
    int fd = peer_bind(&options, SOCK_DGRAM);
    int on = 1;
    if (setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on) < 0)
        die("setsockopt UDP_GRO");
    int flags = options.spin ? MSG_DONTWAIT : MSG_WAITFORONE;
    for (int i = 0; i < BATCH; i++) {
        vectors[i].iov_base = texts[i];
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &clients[i];
        prepare_to_receive(i);
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
            prepare_to_send(i);
        }
        for (int sent = 0; sent < received;) {
            int n = sendmmsg(fd, messages + sent, (unsigned)(received - sent), 0);
            /* Skip the one that cannot be sent: the generator counts it as lost. */
            sent += n > 0 ? n : 1;
        }
        for (int i = 0; i < received; i++)
            prepare_to_receive(i);
    }
}
