//! The system calls that no safe library offers: the only unsafe code of the crate.
//!
//! Each function is a narrow, safe wrapper of one call; what to do with it is decided above. What
//! each kernel does in its own way is in `linux`, `macos` and `freebsd`.

mod descriptor;
#[cfg(target_os = "freebsd")]
#[path = "freebsd.rs"]
mod kernel;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod kernel;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod kernel;
mod open_descriptors;
#[cfg(target_os = "linux")]
mod permission;
#[cfg(target_os = "linux")]
mod recvmmsg;
mod recvmsg;
mod reverse;
#[cfg(target_os = "linux")]
mod sendto;
mod startup;
mod unix;

#[cfg(target_os = "linux")]
pub(crate) use descriptor::get_option;
pub(crate) use descriptor::{duplicate, interface_index, set_option};
pub(crate) use kernel::{
    NO_SIGNAL, SEARCH_ONLY, SHUTDOWN_ENDS_WAITS, dropped_datagrams, retransmissions, send_room,
    unacknowledged,
};
#[cfg(target_os = "linux")]
pub(crate) use kernel::{bound_file, has_mptcp_info, set_mode};
pub use open_descriptors::open_descriptors;
#[cfg(target_os = "linux")]
pub(crate) use permission::{Call, may_be_refusal};
#[cfg(target_os = "linux")]
pub(crate) use recvmmsg::{Filled, ReceiveArray, SendArray};
pub(crate) use recvmsg::{receive_message, send_message};
pub(crate) use reverse::name_of;
#[cfg(target_os = "linux")]
pub(crate) use sendto::send_to;
pub use startup::was_stdout_closed;
pub(crate) use unix::address_bytes;
