//! The address families that may be used: `-4`, `-6` or both.

use std::net::IpAddr;

/// Which address families may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FamilyFilter {
    /// Both, in the resolver's order.
    #[default]
    All,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
    Inet6,
}

impl FamilyFilter {
    /// Whether `address` is of a family that may be used.
    pub(crate) fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Inet => address.is_ipv4(),
            Self::Inet6 => address.is_ipv6(),
        }
    }
}
