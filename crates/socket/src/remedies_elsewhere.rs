//! The parts of messages that name what a machine has: its tools and settings.

pub(super) const LIST_ADDRESSES: &str = "ifconfig";
pub(super) const LIST_DATAGRAM_SOCKETS: &str = "netstat -anp udp";
pub(super) const LIST_LISTENERS: &str = "netstat -anp tcp";
pub(super) const RESERVED_PORT: &str = "ports below 1024 are reserved; choose a port from 1024 up";
pub(super) const FORBIDDEN_PORT: &str =
    "permission denied; a security policy forbids the port; choose another";
pub(super) const NO_INTERFACE: &str =
    "there is no network interface with that name or index; `ifconfig -l` lists them";
