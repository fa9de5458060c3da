//! How much one buffer may hold that the kernel cuts into datagrams, or has joined from them
//! (UDP_SEGMENT, UDP_GRO of Linux; udp(7)).

use crate::endpoint::MAX_IPV4_DATAGRAM;

/// The most datagrams in one buffer that is sent: UDP_MAX_SEGMENTS in include/linux/udp.h as Linux
/// 4.18 introduced it. Every kernel with UDP_SEGMENT takes as many.
pub const MAX_SEGMENTS: usize = 64;

/// The most datagrams in one buffer that is received: UDP_MAX_SEGMENTS since it was raised.
/// Loopback delivers a buffer as it was sent; UDP_GRO itself joins at most 64 datagrams
/// (UDP_GRO_CNT_MAX in net/ipv4/udp_offload.c).
pub const MAX_RECEIVED_SEGMENTS: usize = 128;

/// The most bytes in one buffer that the kernel cuts into datagrams of `segment_size` bytes. It
/// takes no more than one IPv4 datagram holds.
pub fn max_run_bytes(segment_size: usize) -> usize {
    MAX_IPV4_DATAGRAM.min(segment_size.saturating_mul(MAX_SEGMENTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_at_most_64_datagrams_and_the_bytes_of_one_ipv4_datagram() {
        for (segment_size, bytes) in [
            (0, 0),
            (1, 64),
            (1023, 65_472),
            (1024, 65_507),
            (65_507, 65_507),
            (usize::MAX, 65_507),
        ] {
            assert_eq!(max_run_bytes(segment_size), bytes, "{segment_size}");
        }
    }
}
