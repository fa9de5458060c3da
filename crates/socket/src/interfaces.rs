//! The addresses of this machine.

use std::net::{IpAddr, UdpSocket};

use nix::ifaddrs::getifaddrs;

/// The addresses that this machine's interfaces have now, or none where the kernel does not list
/// them.
pub fn local_addresses() -> Vec<IpAddr> {
    let interfaces = match getifaddrs() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            tracing::debug!("the addresses of this machine are not known: {error}");
            return Vec::new();
        }
    };
    interfaces
        .filter_map(|interface| {
            let address = interface.address?;
            let ipv4 = address.as_sockaddr_in().map(|address| address.ip().into());
            let ipv6 = || Some(address.as_sockaddr_in6()?.ip().into());
            ipv4.or_else(ipv6)
        })
        .collect()
}

/// Whether this machine can send from `address` at present.
pub fn is_local_address(address: IpAddr) -> bool {
    // Not each is on an interface: every one in 127.0.0.0/8 can be bound.
    local_addresses().contains(&address) || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_among_them() {
        assert!(local_addresses().contains(&IpAddr::from([127, 0, 0, 1])));
        assert!(is_local_address([127, 9, 8, 7].into()));
        assert!(!is_local_address([192, 0, 2, 1].into()));
    }
}
