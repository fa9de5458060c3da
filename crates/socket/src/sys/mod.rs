//! The system calls that no safe library offers: the only unsafe code of the crate.
//!
//! Each function is a narrow, safe wrapper of one call; what to do with it is decided above.

mod descriptor;
mod open_descriptors;
mod permission;
mod poll;
mod recvmmsg;
mod recvmsg;
mod startup;
mod unix;

pub(crate) use descriptor::{
    bound_file, dropped_datagrams, duplicate, interface_index, send_room, set_mode, set_option,
    unacknowledged,
};
pub use open_descriptors::open_descriptors;
pub(crate) use permission::{Call, may_be_refusal};
pub use poll::PollSet;
pub(crate) use recvmmsg::{Filled, ReceiveArray, SendArray};
pub(crate) use recvmsg::{receive_message, send_message, send_to};
pub use startup::was_stdout_closed;
pub(crate) use unix::address_bytes;
