//! The error queue of a socket (ip(7), ipv6(7)): what the path reports about what was sent, with
//! its cause and its sender. No privilege is needed.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use crate::address::Address;
use crate::call::{traced, traced_zero};
use crate::endpoint::Family;
use crate::extended_error::parse;
use crate::path_error::{PathError, QueuedError, Reporter};
use crate::socket::Socket;
use crate::sys::{receive_message, set_option};

/// How much of what was sent is kept to recognise it, in bytes.
const EXCERPT: usize = 256;

/// `struct sock_extended_err`, a sockaddr_in6 and the header before them, with room to spare.
const CONTROL: usize = 128;

/// Has the kernel queue what the path reports about a socket of this family, or no longer. A Unix
/// socket has no path.
///
/// # Errors
/// Those of setsockopt(2), where a kernel lacks the option.
pub(crate) fn enable(socket: &Socket, family: Family, is_enabled: bool) -> io::Result<()> {
    let (level, option, names) = match family {
        Family::Inet => (libc::IPPROTO_IP, libc::IP_RECVERR, "IPPROTO_IP, IP_RECVERR"),
        Family::Inet6 => {
            let names = "IPPROTO_IPV6, IPV6_RECVERR";
            (libc::IPPROTO_IPV6, libc::IPV6_RECVERR, names)
        }
        Family::Unix => return Ok(()),
    };
    let (descriptor, value) = (socket.as_raw_fd(), i32::from(is_enabled));
    let call = format_args!("setsockopt({descriptor}, {names}, {value})");
    traced_zero(call, set_option(socket, level, option, value))
}

/// Takes the oldest error out of the queue; `None` when there is none. Never waits.
pub(crate) fn take(socket: &Socket) -> Option<QueuedError> {
    let ours = socket.local_addr().ok()?;
    if ours.is_unix() {
        // It has no such queue, and would return an ordinary message instead.
        return None;
    }
    let (mut excerpt, mut control) = ([0; EXCERPT], [0; CONTROL]);
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    loop {
        let message = match receive_message(socket.as_fd(), &mut excerpt, &mut control, flags) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => {
                let call = format_args!("recvmsg({}, MSG_ERRQUEUE)", socket.as_raw_fd());
                traced(call, result, |message| message.length).ok()?
            }
        };
        // Timestamps would share the queue.
        let Some(extended) = parse(&control[..message.control_length]) else {
            continue;
        };
        // The kernel writes the destination of what was sent where a sender would be.
        let reporter = match extended.sender {
            None => Reporter::Ourselves,
            sender if sender == ip_of(&message.peer) => Reporter::Target,
            sender if sender == ip_of(&ours) => Reporter::Ourselves,
            _ => Reporter::Router,
        };
        return Some(QueuedError {
            error: PathError {
                cause: extended.cause,
                reporter,
                sender: extended.sender,
                errno: extended.errno,
                mtu: extended.mtu,
            },
            excerpt: excerpt[..message.length].to_vec(),
        });
    }
}

fn ip_of(address: &Address) -> Option<IpAddr> {
    Some(address.canonical()?.ip())
}
