//! The options of a bound datagram socket: its buffers, and the control messages that come with
//! each datagram.

use std::io;
use std::os::fd::AsRawFd;

use crate::socket::Socket;

use super::bind_options::{BindOptions, RECEIVE_BUFFER};
use super::bound::{BoundSocket, Description};
use super::buffer_limits;
use super::call::traced_zero;
use super::control_message::{IPV4_DESTINATION, IPV4_DESTINATION_NAME};
use super::return_path;
use super::sys;
use crate::endpoint::{Family, SocketType};

/// [`prepare`] for the first socket of an endpoint.
pub(super) fn prepare_first(bound: &BoundSocket, options: &BindOptions) -> io::Result<()> {
    prepare(&bound.socket, &bound.description, options)?;
    match bound.description.socket_type {
        SocketType::Datagram => warn_on_small_buffers(bound, options),
        SocketType::Stream | SocketType::SeqPacket => Ok(()),
    }
}

/// Sets the buffers of a datagram socket, and enables the control messages that an answer needs.
pub(super) fn prepare(
    socket: &Socket,
    description: &Description,
    options: &BindOptions,
) -> io::Result<()> {
    if description.socket_type != SocketType::Datagram {
        return Ok(());
    }
    set_buffers(socket, options)?;
    let on = |level, name, shown: &str| {
        traced_zero(
            format_args!("setsockopt({}, {shown}, 1)", socket.as_raw_fd()),
            sys::set_option(socket, level, name, 1),
        )
    };
    match description.family {
        _ if !description.wildcard => Ok(()),
        Family::Inet => on(
            libc::IPPROTO_IP,
            IPV4_DESTINATION,
            &format!("IPPROTO_IP, {IPV4_DESTINATION_NAME}"),
        ),
        Family::Inet6 => on(
            libc::IPPROTO_IPV6,
            libc::IPV6_RECVPKTINFO,
            "IPPROTO_IPV6, IPV6_RECVPKTINFO",
        ),
        Family::Unix => Ok(()),
    }
}

/// Sets what must be set before the socket is bound, or as soon as it is inherited.
pub(super) fn prepare_unbound(
    socket: &Socket,
    family: Family,
    socket_type: SocketType,
) -> io::Result<()> {
    match (family, socket_type) {
        (Family::Unix, SocketType::Datagram) => return_path::ask_for_sender(socket),
        _ => Ok(()),
    }
}

fn set_buffers(socket: &Socket, options: &BindOptions) -> io::Result<()> {
    let descriptor = socket.as_raw_fd();
    buffer_limits::allow_largest_datagram(socket)?;
    let wanted = options.receive_buffer.unwrap_or(RECEIVE_BUFFER);
    let result = traced_zero(
        format_args!("setsockopt({descriptor}, SOL_SOCKET, SO_RCVBUF, {wanted})"),
        socket.set_recv_buffer_size(wanted),
    );
    if options.receive_buffer.is_some() {
        result?;
    }
    if let Some(wanted) = options.send_buffer {
        traced_zero(
            format_args!("setsockopt({descriptor}, SOL_SOCKET, SO_SNDBUF, {wanted})"),
            socket.set_send_buffer_size(wanted),
        )?;
    }
    Ok(())
}

/// Warns, once for each endpoint, that a buffer is smaller than requested.
fn warn_on_small_buffers(bound: &BoundSocket, options: &BindOptions) -> io::Result<()> {
    let BoundSocket {
        socket,
        description,
        ..
    } = bound;
    if let Some(wanted) = options.receive_buffer {
        warn_if_smaller(description, "receive", wanted, socket.0.recv_buffer_size()?);
    }
    if let Some(wanted) = options.send_buffer {
        warn_if_smaller(description, "send", wanted, socket.0.send_buffer_size()?);
    }
    Ok(())
}

fn warn_if_smaller(description: &Description, which: &str, wanted: usize, reported: usize) {
    let given = buffer_limits::granted(reported);
    if given < wanted {
        tracing::warn!(
            "{}: the kernel gave a {which} buffer of {given} bytes instead of {wanted}; {}",
            description.endpoint,
            buffer_limits::WHERE,
        );
    }
}
