//! From an endpoint to bound sockets, ready for a server.
//!
//! A plain bind without address sharing comes first, so that a second server on the same port
//! gets "address in use" instead of half of the traffic.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use socket2::{SockAddr, Socket};

use super::address::{domain_of, is_wildcard, to_endpoint, to_sockaddr, type_of};
use super::call::{traced, traced_zero};
use super::unix_file::{self, UnixFile};
use super::{inherit, sys};
use crate::endpoint::{Endpoint, Family, FamilyFilter, Host, SocketType, UnixName};
use crate::error::{Error, Operation, Result};

/// What may be chosen when sockets are bound.
#[derive(Clone, Debug)]
pub struct BindOptions {
    /// The file mode of a Unix socket exactly as given, or 0660 less the process's umask.
    pub unix_mode: Option<u32>,
    /// How many connections the kernel completes ahead of us (listen(2)); it takes at most
    /// net.core.somaxconn.
    pub backlog: i32,
    /// How many sockets share one UDP address (SO_REUSEPORT), each for a worker of its own.
    pub workers: usize,
    /// The size of the kernel's receive buffer for datagrams in bytes; `None` asks for
    /// [`RECEIVE_BUFFER`], and is content with less.
    pub receive_buffer: Option<usize>,
    /// The size of the kernel's send buffer for datagrams in bytes; `None` keeps the kernel's own.
    pub send_buffer: Option<usize>,
}

/// The receive buffer that is asked for without a wish, in bytes: a burst of some thousand
/// datagrams waits instead of being dropped. The kernel gives at most net.core.rmem_max.
pub const RECEIVE_BUFFER: usize = 4 << 20;

impl Default for BindOptions {
    fn default() -> Self {
        Self {
            unix_mode: None,
            backlog: 4096,
            workers: 1,
            receive_buffer: None,
            send_buffer: None,
        }
    }
}

/// What became of one endpoint: usually one socket, two for the empty host, one for each local
/// address of a name.
#[derive(Debug)]
pub struct Bound {
    /// The sockets, at least one.
    pub sockets: Vec<BoundSocket>,
    /// The empty host was asked for, and this machine has no IPv6.
    pub without_ipv6: bool,
}

/// A socket that is bound, and listens if it is a stream socket.
#[derive(Debug)]
pub struct BoundSocket {
    pub(crate) socket: Socket,
    /// More sockets on the same address, among which the kernel spreads the flows.
    pub(crate) siblings: Vec<Socket>,
    pub(crate) description: Description,
    /// The file of a Unix socket that we made; dropping it takes the file away.
    pub(crate) file: Option<UnixFile>,
}

/// What a bound socket is, as asked of the socket itself.
#[derive(Clone, Debug)]
pub struct Description {
    /// Where it is reached: with the port that the kernel chose where 0 was asked.
    pub endpoint: Endpoint,
    /// Its address family.
    pub family: Family,
    /// Its type.
    pub socket_type: SocketType,
    /// The number of its descriptor, `fileno` in other languages; the inherited number for `fd:N`.
    pub descriptor: RawFd,
    /// It is bound to every address of the machine (INADDR_ANY, in6addr_any).
    pub wildcard: bool,
    /// Somebody else made it, and may share it.
    pub inherited: bool,
}

impl BoundSocket {
    /// What the socket is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    pub(super) fn new(
        socket: Socket,
        family: Family,
        socket_type: SocketType,
        inherited_as: Option<RawFd>,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let descriptor = inherited_as.unwrap_or(socket.as_raw_fd());
        let endpoint =
            to_endpoint(&address, socket_type).unwrap_or(Endpoint::Descriptor(descriptor));
        Ok(Self {
            socket,
            siblings: Vec::new(),
            description: Description {
                endpoint,
                family,
                socket_type,
                descriptor,
                wildcard: is_wildcard(&address),
                inherited: inherited_as.is_some(),
            },
            file: None,
        })
    }
}

/// Binds every socket that `endpoint` stands for.
///
/// # Errors
/// [`Error::Resolve`] for a name without addresses; [`Error::Socket`] and [`Error::Unsuitable`]
/// when the kernel refuses, or a file that is no stale socket is in the way.
pub fn bind(endpoint: &Endpoint, options: &BindOptions) -> Result<Bound> {
    let sockets = match endpoint {
        Endpoint::Descriptor(number) => vec![inherit::inherit(*number, options)?],
        Endpoint::Internet {
            host: Host::Any, ..
        } => return bind_every_address(endpoint, options),
        Endpoint::Internet {
            host: Host::Name(_),
            ..
        } => bind_name(endpoint, options)?,
        Endpoint::Internet { .. } | Endpoint::Unix { .. } => vec![bind_one(endpoint, options)?],
    };
    Ok(Bound {
        sockets,
        without_ipv6: false,
    })
}

/// Every address that the name has and that is this machine's.
fn bind_name(endpoint: &Endpoint, options: &BindOptions) -> Result<Vec<BoundSocket>> {
    let mut sockets = Vec::new();
    let mut not_local = None;
    for candidate in endpoint.resolve(FamilyFilter::All)? {
        match bind_one(&candidate, options) {
            Ok(socket) => sockets.push(socket),
            Err(error) if is_not_local(&error) => not_local = Some(error),
            Err(error) => return Err(error),
        }
    }
    match not_local {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

fn is_not_local(error: &Error) -> bool {
    matches!(error, Error::Socket { source, .. } if matches!(
        source.raw_os_error(),
        Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT)
    ))
}

/// INADDR_ANY and in6addr_any on one port. With port 0 the kernel chooses for IPv4; when IPv6 has
/// that port taken, another choice is tried.
fn bind_every_address(endpoint: &Endpoint, options: &BindOptions) -> Result<Bound> {
    const CHOICES: usize = 16;
    let chosen_by_kernel = endpoint.port() == Some(0);
    let mut choice = 1;
    loop {
        let on_ipv4 = bind_one(&with_host(endpoint, Host::V4([0; 4].into())), options)?;
        let port = on_ipv4.description.endpoint.port().unwrap_or_default();
        if !has_ipv6_addresses() {
            return Ok(without_ipv6(on_ipv4));
        }
        let ipv6 = with_host(endpoint, Host::V6([0; 16].into(), None)).with_port(port);
        match bind_one(&ipv6, options) {
            Ok(on_ipv6) => {
                return Ok(Bound {
                    sockets: vec![on_ipv4, on_ipv6],
                    without_ipv6: false,
                });
            }
            Err(error) if is_not_local(&error) => {
                return Ok(without_ipv6(on_ipv4));
            }
            Err(_) if chosen_by_kernel && choice < CHOICES => choice += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Whether any interface has an IPv6 address. Where IPv6 is disabled by sysctl, in6addr_any can be
/// bound all the same, and would be said to be ready though nothing can reach it.
fn has_ipv6_addresses() -> bool {
    // Without /proc the kernel is left to say it.
    std::fs::read("/proc/net/if_inet6").map_or(true, |list| !list.is_empty())
}

fn without_ipv6(on_ipv4: BoundSocket) -> Bound {
    Bound {
        sockets: vec![on_ipv4],
        without_ipv6: true,
    }
}

fn with_host(endpoint: &Endpoint, new_host: Host) -> Endpoint {
    let mut endpoint = endpoint.clone();
    if let Endpoint::Internet { host, .. } = &mut endpoint {
        *host = new_host;
    }
    endpoint
}

fn bind_one(endpoint: &Endpoint, options: &BindOptions) -> Result<BoundSocket> {
    let fail = |operation| move |source| Error::socket(operation, endpoint, source);
    let (Some(family), Some(socket_type)) = (endpoint.family(), endpoint.socket_type()) else {
        return Err(fail(Operation::Bind)(io::ErrorKind::InvalidInput.into()));
    };
    let address = to_sockaddr(endpoint).map_err(fail(Operation::Bind))?;
    let socket = create(family, socket_type).map_err(fail(Operation::Create))?;
    let descriptor = socket.as_raw_fd();
    if family == Family::Inet6 {
        traced_zero(
            format_args!("setsockopt({descriptor}, IPPROTO_IPV6, IPV6_V6ONLY, 1)"),
            socket.set_only_v6(true),
        )
        .map_err(fail(Operation::Configure))?;
    }
    if family != Family::Unix && socket_type == SocketType::Stream {
        // Lets a restarted server bind while connections of the last one are in TIME_WAIT; two
        // listeners still collide (socket(7)).
        traced_zero(
            format_args!("setsockopt({descriptor}, SOL_SOCKET, SO_REUSEADDR, 1)"),
            socket.set_reuse_address(true),
        )
        .map_err(fail(Operation::Configure))?;
    }
    let file = match endpoint {
        Endpoint::Unix {
            name: UnixName::Path(path),
            ..
        } => Some(unix_file::bind(&socket, &address, path, options, endpoint)?),
        _ => {
            bind_and_listen(&socket, &address, endpoint, options.backlog)?;
            None
        }
    };
    let mut bound =
        BoundSocket::new(socket, family, socket_type, None).map_err(fail(Operation::Configure))?;
    bound.file = file;
    prepare_first(&bound, options).map_err(fail(Operation::Configure))?;
    if socket_type == SocketType::Datagram && family != Family::Unix {
        add_siblings(&mut bound, options)?;
    }
    Ok(bound)
}

/// Shares the address with more sockets of ours. The first bind was exclusive, and a stranger's
/// still would be, so another server keeps colliding.
fn add_siblings(bound: &mut BoundSocket, options: &BindOptions) -> Result<()> {
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
            socket.set_reuse_port(true),
        )
        .map_err(fail(Operation::Configure))
    };
    for number in 1..options.workers {
        if number == 1 {
            share(&bound.socket)?;
        }
        let sibling = create(family, SocketType::Datagram).map_err(fail(Operation::Create))?;
        if family == Family::Inet6 {
            sibling
                .set_only_v6(true)
                .map_err(fail(Operation::Configure))?;
        }
        share(&sibling)?;
        bound
            .socket
            .local_addr()
            .and_then(|address| bind_call(&sibling, &address, endpoint))
            .map_err(fail(Operation::Bind))?;
        prepare(&sibling, &bound.description, options).map_err(fail(Operation::Configure))?;
        bound.siblings.push(sibling);
    }
    Ok(())
}

pub(super) fn bind_and_listen(
    socket: &Socket,
    address: &SockAddr,
    endpoint: &Endpoint,
    backlog: i32,
) -> Result<()> {
    let fail = |operation| move |source| Error::socket(operation, endpoint, source);
    bind_call(socket, address, endpoint).map_err(fail(Operation::Bind))?;
    if endpoint.socket_type() == Some(SocketType::Stream) {
        listen(socket, backlog).map_err(fail(Operation::Listen))?;
    }
    Ok(())
}

fn bind_call(socket: &Socket, address: &SockAddr, shown: &Endpoint) -> io::Result<()> {
    let descriptor = socket.as_raw_fd();
    traced_zero(
        format_args!("bind({descriptor}, {shown})"),
        socket.bind(address),
    )
}

pub(super) fn listen(socket: &Socket, backlog: i32) -> io::Result<()> {
    let descriptor = socket.as_raw_fd();
    traced_zero(
        format_args!("listen({descriptor}, {backlog})"),
        socket.listen(backlog),
    )
}

pub(super) fn create(family: Family, socket_type: SocketType) -> io::Result<Socket> {
    traced(
        format_args!("socket({family}, {socket_type}, 0)"),
        Socket::new(domain_of(family), type_of(socket_type), None),
        Socket::as_raw_fd,
    )
}

/// [`prepare`] for the socket that an endpoint had first.
pub(super) fn prepare_first(bound: &BoundSocket, options: &BindOptions) -> io::Result<()> {
    prepare(&bound.socket, &bound.description, options)?;
    match bound.description.socket_type {
        SocketType::Datagram => tell_smaller_buffers(bound, options),
        SocketType::Stream => Ok(()),
    }
}

/// Sets the buffers of a datagram socket, and asks the kernel to tell, beside each datagram, what
/// its answer needs.
fn prepare(socket: &Socket, description: &Description, options: &BindOptions) -> io::Result<()> {
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
        Family::Inet => on(libc::IPPROTO_IP, libc::IP_PKTINFO, "IPPROTO_IP, IP_PKTINFO"),
        Family::Inet6 => on(
            libc::IPPROTO_IPV6,
            libc::IPV6_RECVPKTINFO,
            "IPPROTO_IPV6, IPV6_RECVPKTINFO",
        ),
        Family::Unix => Ok(()),
    }
}

fn set_buffers(socket: &Socket, options: &BindOptions) -> io::Result<()> {
    let descriptor = socket.as_raw_fd();
    let wanted = options.receive_buffer.unwrap_or(RECEIVE_BUFFER);
    traced_zero(
        format_args!("setsockopt({descriptor}, SOL_SOCKET, SO_RCVBUF, {wanted})"),
        socket.set_recv_buffer_size(wanted),
    )?;
    if let Some(wanted) = options.send_buffer {
        traced_zero(
            format_args!("setsockopt({descriptor}, SOL_SOCKET, SO_SNDBUF, {wanted})"),
            socket.set_send_buffer_size(wanted),
        )?;
    }
    Ok(())
}

/// Says, once for each endpoint, that a buffer is smaller than was asked for.
fn tell_smaller_buffers(bound: &BoundSocket, options: &BindOptions) -> io::Result<()> {
    let BoundSocket {
        socket,
        description,
        ..
    } = bound;
    if let Some(wanted) = options.receive_buffer {
        tell_if_less(description, "receive", wanted, socket.recv_buffer_size()?);
    }
    if let Some(wanted) = options.send_buffer {
        tell_if_less(description, "send", wanted, socket.send_buffer_size()?);
    }
    Ok(())
}

/// The kernel counts its own bookkeeping in, and so doubles what was asked for (socket(7)).
fn tell_if_less(description: &Description, which: &str, wanted: usize, doubled: usize) {
    let given = doubled / 2;
    if given < wanted {
        tracing::warn!(
            "{}: the kernel gave a {which} buffer of {given} bytes instead of {wanted}; \
             net.core.rmem_max and net.core.wmem_max are the limits",
            description.endpoint,
        );
    }
}
