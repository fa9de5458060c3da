//! Whether datagrams may be fragmented, and what the kernel knows about the size of packets (ip(7),
//! ipv6(7), tcp(7)).

use std::ffi::c_int;
use std::io;
use std::os::fd::AsRawFd;

use crate::call::traced_zero;
use crate::endpoint::Family;
use crate::error_queue;
use crate::socket::Socket;
use crate::sys::{get_option, set_option};

/// What every link carries over IPv6 (RFC 8200, section 5), in bytes.
const MIN_IPV6_MTU: c_int = 1280;

impl Socket {
    /// Sends each datagram as one packet, or not at all. What is too large for the interface fails
    /// with EMSGSIZE; what is too large for a later link is dropped there, and a router should
    /// report it.
    ///
    /// IP_PMTUDISC_PROBE, which ip(7) recommends for diagnostic tools: IP_PMTUDISC_DO forbids
    /// fragments too, but refuses what is above the path MTU that the kernel has learned before.
    ///
    /// # Errors
    /// The kernel's; `Unsupported` elsewhere than on Linux.
    pub fn forbid_fragments(&self) -> io::Result<()> {
        if self.is_ipv6()? {
            let name = "IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE";
            self.set_ipv6(libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE, name)?;
            // What goes to an IPv4-mapped address is IPv4, and so are the reports about it.
            let _ = error_queue::enable(self, Family::Inet, true);
        }
        let name = "IP_MTU_DISCOVER, IP_PMTUDISC_PROBE";
        self.set_ipv4(libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE, name)
    }

    /// Lets datagrams be fragmented. Over IPv4 the routers on the way may do it (IP_PMTUDISC_DONT).
    /// Over IPv6 only the sender can (RFC 8200, section 4.5), so fragments have at most 1280 bytes,
    /// which every link carries (IPV6_MTU).
    ///
    /// # Errors
    /// The kernel's; `Unsupported` elsewhere than on Linux.
    pub fn allow_fragments(&self) -> io::Result<()> {
        if self.is_ipv6()? {
            let name = "IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT";
            self.set_ipv6(libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT, name)?;
            self.set_ipv6(libc::IPV6_MTU, MIN_IPV6_MTU, "IPV6_MTU, 1280")?;
        }
        let name = "IP_MTU_DISCOVER, IP_PMTUDISC_DONT";
        self.set_ipv4(libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT, name)
    }

    /// The path MTU of a connected socket, as far as the kernel has learned it (IP_MTU, IPV6_MTU).
    ///
    /// # Errors
    /// The kernel's; `Unsupported` elsewhere than on Linux.
    pub fn path_mtu(&self) -> io::Result<u32> {
        let mtu = if self.is_ipv6()? {
            get_option(self, libc::IPPROTO_IPV6, libc::IPV6_MTU)
        } else {
            get_option(self, libc::IPPROTO_IP, libc::IP_MTU)
        };
        mtu.map(c_int::unsigned_abs)
    }

    fn is_ipv6(&self) -> io::Result<bool> {
        let address = self.local_addr()?.as_socket();
        Ok(address.is_some_and(|address| address.is_ipv6()))
    }

    fn set_ipv4(&self, option: c_int, value: c_int, names: &str) -> io::Result<()> {
        let call = format_args!("setsockopt({}, IPPROTO_IP, {names})", self.as_raw_fd());
        traced_zero(call, set_option(self, libc::IPPROTO_IP, option, value))
    }

    fn set_ipv6(&self, option: c_int, value: c_int, names: &str) -> io::Result<()> {
        let call = format_args!("setsockopt({}, IPPROTO_IPV6, {names})", self.as_raw_fd());
        traced_zero(call, set_option(self, libc::IPPROTO_IPV6, option, value))
    }
}
