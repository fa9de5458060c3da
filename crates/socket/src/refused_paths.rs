//! The errors which mean that a path cannot cut a buffer into datagrams (UDP_SEGMENT; udp(7)), and
//! the paths that have returned one.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

use crate::address::Address;

/// The number of paths remembered on which segmentation does not work.
const MAX_PATHS: usize = 4096;

/// What an error says about segmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Segments of this size are too large for the path.
    SegmentSize,
    /// The path cannot segment at all.
    Path,
}

/// What the error of sending a buffer of several datagrams says about segmentation, after
/// udp_send_skb in net/ipv4/udp.c (udp_v6_send_skb in net/ipv6/udp.c is the same):
///
/// * EINVAL: a segment exceeds the path's MTU, or the buffer has more than UDP_MAX_SEGMENTS
///   segments.
/// * EMSGSIZE: newer kernels, where a segment exceeds the MTU. Also udp_sendmsg and ip_append_data,
///   where the whole buffer is too long.
/// * EIO: the device does not compute checksums, or the path goes through IPsec.
///
/// EOPNOTSUPP is not among them (udp_sendmsg returns it only for MSG_OOB), nor is ENOPROTOOPT (only
/// setsockopt does). All three have other causes too, but then the single datagrams fail as well.
pub(crate) fn refusal(error: &io::Error) -> Option<Refusal> {
    match error.raw_os_error()? {
        libc::EINVAL | libc::EMSGSIZE => Some(Refusal::SegmentSize),
        libc::EIO => Some(Refusal::Path),
        _ => None,
    }
}

/// The paths on which segmentation was refused. A path is a peer's IP address.
#[derive(Debug, Default)]
pub(crate) struct RefusedPaths {
    /// For each, the size from which on segments are refused.
    from_size: HashMap<IpAddr, usize>,
}

impl RefusedPaths {
    /// Whether datagrams of `segment_size` bytes may be joined on the way to `peer`.
    pub(crate) fn permit(&self, peer: &Address, segment_size: usize) -> bool {
        self.from_size.is_empty()
            || peer
                .as_socket()
                .and_then(|address| self.from_size.get(&address.ip()))
                .is_none_or(|from| segment_size < *from)
    }

    /// Whether `error` may be about segmentation; if so, it will not be tried again on this path.
    pub(crate) fn note(&mut self, peer: &Address, segment_size: usize, error: &io::Error) -> bool {
        let (Some(address), Some(refusal)) = (peer.as_socket(), refusal(error)) else {
            return false;
        };
        let from = match refusal {
            Refusal::SegmentSize => segment_size,
            Refusal::Path => 0,
        };
        if self.from_size.len() >= MAX_PATHS {
            self.from_size.clear();
        }
        let smallest = self.from_size.entry(address.ip()).or_insert(usize::MAX);
        *smallest = from.min(*smallest);
        tracing::debug!(
            "no segmentation of {segment_size} bytes to {}: {}",
            address.ip(),
            crate::error::plain(error)
        );
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn peer(host: u8) -> Address {
        SocketAddr::from(([192, 0, 2, host], 3000)).into()
    }

    fn error(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn only_what_udp_send_skb_returns_is_about_segmentation() {
        assert_eq!(refusal(&error(libc::EINVAL)), Some(Refusal::SegmentSize));
        assert_eq!(refusal(&error(libc::EMSGSIZE)), Some(Refusal::SegmentSize));
        assert_eq!(refusal(&error(libc::EIO)), Some(Refusal::Path));
        for number in [
            libc::EOPNOTSUPP,
            libc::ENOPROTOOPT,
            libc::EPERM,
            libc::EAGAIN,
            libc::ENOBUFS,
            libc::ECONNREFUSED,
        ] {
            assert_eq!(refusal(&error(number)), None, "{}", error(number));
        }
        assert_eq!(refusal(&io::ErrorKind::WriteZero.into()), None);
    }

    #[test]
    fn too_large_segments_refuse_their_size_and_larger_ones_to_this_peer_alone() {
        let mut refused = RefusedPaths::default();
        assert!(refused.permit(&peer(1), 1400));
        assert!(refused.note(&peer(1), 1400, &error(libc::EINVAL)));
        assert!(refused.note(&peer(1), 9000, &error(libc::EMSGSIZE)));
        assert!(refused.permit(&peer(1), 1399) && !refused.permit(&peer(1), 1400));
        assert!(refused.permit(&peer(2), 9000));
    }

    #[test]
    fn a_path_that_cannot_segment_is_refused_for_every_size() {
        let mut refused = RefusedPaths::default();
        assert!(refused.note(&peer(1), 1400, &error(libc::EIO)));
        assert!(!refused.permit(&peer(1), 1));
        assert!(!refused.note(&peer(2), 1400, &error(libc::EPERM)));
        assert!(refused.permit(&peer(2), 1400));
    }

    #[test]
    fn the_memory_of_refused_paths_is_bounded() {
        let mut refused = RefusedPaths::default();
        for host in 0..2 * MAX_PATHS as u32 {
            let address = SocketAddr::from((std::net::Ipv4Addr::from(host), 3000));
            assert!(refused.note(&address.into(), 1400, &error(libc::EIO)));
            assert!(refused.from_size.len() <= MAX_PATHS);
        }
    }
}
