//! How the workers of a datagram endpoint share its address: each has a socket (SO_REUSEPORT;
//! socket(7)), and the kernel spreads the flows.

use std::os::fd::AsRawFd;

use super::bind_options::BindOptions;
use super::bound::{BoundSocket, Description};
use super::call::traced_zero;
use super::prepare::prepare;
use crate::endpoint::{Family, Protocol, SocketType};
use crate::error::{Error, Operation, Result};
use crate::socket::Socket;

/// Shares the address with more sockets of ours. The first bind was exclusive, and that of
/// another user still would be, so a second server fails to bind.
pub(super) fn share_address(bound: &mut BoundSocket, options: &BindOptions) -> Result<()> {
    let Description {
        ref endpoint,
        family,
        ..
    } = bound.description;
    let fail = |operation| move |source| Error::socket(operation, endpoint, source);
    let share = |socket: &Socket| {
        let descriptor = socket.as_raw_fd();
        traced_zero(
            format_args!("setsockopt({descriptor}, SOL_SOCKET, SO_REUSEPORT, 1)"),
            socket.0.set_reuse_port(true),
        )
        .map_err(fail(Operation::Configure))
    };
    for number in 1..options.workers {
        if number == 1 {
            share(&bound.socket)?;
        }
        let sibling = Socket::create(family, SocketType::Datagram, Protocol::Default)
            .map_err(fail(Operation::Create))?;
        if family == Family::Inet6 {
            sibling
                .0
                .set_only_v6(true)
                .map_err(fail(Operation::Configure))?;
        }
        share(&sibling)?;
        bound
            .socket
            .local_addr()
            .and_then(|address| sibling.bind(&address, endpoint))
            .map_err(fail(Operation::Bind))?;
        prepare(&sibling, &bound.description, options).map_err(fail(Operation::Configure))?;
        bound.siblings.push(sibling);
    }
    Ok(())
}
