//! IP_PKTINFO, of Linux and macOS (ip(7), ip(4)).

use std::net::Ipv4Addr;

use super::{PacketInfo, array};

/// struct in_pktinfo: interface index, our address (ipi_spec_dst), the header's destination. For a
/// broadcast the last is not ours, so the answer comes from the second (ip(7)). The second is empty
/// of a datagram that came before the socket was asked for this (ipv4_pktinfo_prepare in
/// net/ipv4/ip_sockglue.c), and always on macOS (ip_savecontrol in bsd/netinet/ip_input.c).
pub(super) fn read(data: &[u8]) -> Option<PacketInfo> {
    let ours = Ipv4Addr::from(array::<4>(data.get(4..)?)?);
    let sent_to = Ipv4Addr::from(array::<4>(data.get(8..)?)?);
    let is_one_host = !sent_to.is_multicast() && !sent_to.is_broadcast();
    let address = match ours.is_unspecified() && is_one_host {
        true => sent_to,
        false => ours,
    };
    Some(PacketInfo {
        address: address.into(),
        interface: 0,
        unicast: address == sent_to && is_one_host,
    })
}

/// The struct that lets a datagram leave from `address`.
pub(super) fn data(address: Ipv4Addr) -> [u8; 12] {
    let mut data = [0; 12];
    data[4..8].copy_from_slice(&address.octets());
    data[8..].copy_from_slice(&address.octets());
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn multicast_and_broadcast_are_distinguished_from_unicast() {
        let destination =
            |ours: [u8; 4], sent_to: [u8; 4]| read(&[[0; 4], ours, sent_to].concat()).unwrap();
        let unicast = |ours, sent_to| destination(ours, sent_to).unicast;
        assert!(unicast([192, 0, 2, 7], [192, 0, 2, 7]));
        assert!(!unicast([192, 0, 2, 7], [192, 0, 2, 255]));
        assert!(!unicast([192, 0, 2, 7], [255, 255, 255, 255]));
        assert!(!unicast([192, 0, 2, 7], [224, 0, 0, 1]));
        // From before the socket was asked for it.
        assert!(unicast([0; 4], [192, 0, 2, 7]));
        assert_eq!(
            destination([0; 4], [192, 0, 2, 7]).address,
            IpAddr::from([192, 0, 2, 7])
        );
        assert!(!unicast([0; 4], [255, 255, 255, 255]));
        assert!(!unicast([0; 4], [224, 0, 0, 1]));
    }
}
