//! The parts of messages that name what a machine has: its tools and settings.

pub(super) const LIST_ADDRESSES: &str = "ip address";
pub(super) const LIST_DATAGRAM_SOCKETS: &str = "ss -lunp";
pub(super) const LIST_LISTENERS: &str = "ss -ltnp";
pub(super) const RESERVED_PORT: &str = "ports below 1024 are reserved; choose a port from 1024 up, or grant \
                                        CAP_NET_BIND_SERVICE";
pub(super) const FORBIDDEN_PORT: &str = "permission denied; the port is reserved (`sysctl net.ipv4.ip_unprivileged_port_start`) or a \
     security policy forbids it; choose another";
pub(super) const NO_INTERFACE: &str =
    "there is no network interface with that name or index; `ip link` lists them";
