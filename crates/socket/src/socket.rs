//! A socket: the calls that a server and a client make on one, on top of `socket2`.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};

use crate::address::{Address, domain_of, type_of};
use crate::call::{traced, traced_zero};
use crate::endpoint::{Endpoint, Family, Protocol, SocketType};
use crate::error::{Error, Operation, Result};
use crate::mptcp;
use crate::own_name::OwnName;
use crate::sys;

/// With it, a peer that is gone is an error instead of a signal.
const NO_SIGNAL: SendFlags = SendFlags::from_bits_retain(sys::NO_SIGNAL as u32);

/// An open socket of any family and type; dropping it closes it.
#[derive(Debug)]
pub struct Socket(pub(crate) socket2::Socket, OwnName);

impl Socket {
    /// Whether [`shutdown`](Self::shutdown) of an unconnected datagram socket ends every wait for
    /// it: on Linux.
    pub const SHUTDOWN_ENDS_WAITS: bool = sys::SHUTDOWN_ENDS_WAITS;

    /// Creates a socket, closed on exec (socket(2)).
    pub(crate) fn create(
        family: Family,
        socket_type: SocketType,
        protocol: Protocol,
    ) -> io::Result<Self> {
        let number = mptcp::number_of(protocol)?;
        traced(
            format_args!("socket({family}, {socket_type}, {protocol})"),
            socket2::Socket::new(domain_of(family), type_of(socket_type), number).map(Self::of),
            Self::as_raw_fd,
        )
    }

    fn of(socket: socket2::Socket) -> Self {
        Self(socket, OwnName::none())
    }

    /// Binds a client's Unix datagram socket to its own name.
    pub(crate) fn bind_own_name(&mut self) -> io::Result<()> {
        let bound = OwnName::bind(&self.0).map(|name| self.1 = name);
        traced_zero(format_args!("bind({}, autobind)", self.as_raw_fd()), bound)
    }

    /// Binds a client's Unix datagram socket to a new file beside that of its server.
    pub(crate) fn bind_name_beside(&mut self, server: &str) -> io::Result<()> {
        let bound = OwnName::bind_beside(&self.0, server).map(|name| self.1 = name);
        let call = format_args!("bind({}, {server}-...)", self.as_raw_fd());
        traced_zero(call, bound)
    }

    /// Binds it to `address` (bind(2)), which the log shows as `shown`.
    pub(crate) fn bind(&self, address: &Address, shown: &Endpoint) -> io::Result<()> {
        let descriptor = self.as_raw_fd();
        let result = self.0.bind(&address.0);
        traced_zero(format_args!("bind({descriptor}, {shown})"), result)
    }

    /// Makes it accept connections (listen(2)).
    pub(crate) fn listen(&self, backlog: i32) -> io::Result<()> {
        let descriptor = self.as_raw_fd();
        let result = self.0.listen(backlog);
        traced_zero(format_args!("listen({descriptor}, {backlog})"), result)
    }

    /// Binds it to the address of `endpoint`; one that has connections then listens.
    pub(crate) fn bind_and_listen(
        &self,
        address: &Address,
        endpoint: &Endpoint,
        backlog: i32,
    ) -> Result<()> {
        let fail = |operation| move |source| Error::socket(operation, endpoint, source);
        self.bind(address, endpoint)
            .map_err(fail(Operation::Bind))?;
        if endpoint
            .socket_type()
            .is_some_and(SocketType::has_connections)
        {
            self.listen(backlog).map_err(fail(Operation::Listen))?;
        }
        Ok(())
    }

    /// The address that the socket is bound to (getsockname(2)).
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<Address> {
        self.0.local_addr().map(Address)
    }

    /// The IP address and port that the socket sends from, once it is bound or connected; `None`
    /// for a Unix socket.
    pub fn source(&self) -> Option<SocketAddr> {
        let source = self.local_addr().ok()?.as_socket()?;
        (source.port() != 0).then_some(source)
    }

    /// Takes the next connection of a listening socket, closed on exec (accept4(2)).
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` when none is waiting.
    #[inline]
    pub fn accept(&self) -> io::Result<(Self, Address)> {
        let (socket, peer) = self.0.accept()?;
        Ok((Self::of(socket), Address(peer)))
    }

    /// Sends a datagram, or as much of `bytes` as a stream takes, to the connected peer (send(2)
    /// with MSG_NOSIGNAL). Returns the number of bytes sent.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` when there is no room.
    #[inline]
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.0, bytes, NO_SIGNAL)?)
    }

    /// Receives a datagram, or what a stream has (recv(2)). Returns the number of bytes, 0 at the
    /// end of a stream.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` when nothing is there.
    #[inline]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (length, _) = rustix::net::recv(&self.0, buffer, RecvFlags::empty())?;
        Ok(length)
    }

    /// Ends one or both directions of a connection (shutdown(2)). On an unconnected datagram socket
    /// it returns ENOTCONN, but on Linux still ends every wait.
    ///
    /// # Errors
    /// The kernel's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// Makes calls return `WouldBlock` instead of waiting (O_NONBLOCK).
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.0.set_nonblocking(nonblocking)
    }

    /// Requests a receive buffer of `bytes` (SO_RCVBUF); the kernel grants at most
    /// net.core.rmem_max.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.0.set_recv_buffer_size(bytes)
    }

    /// Requests a send buffer of `bytes` (SO_SNDBUF); the kernel grants at most net.core.wmem_max.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.0.set_send_buffer_size(bytes)
    }

    /// Keeps urgent data in order among the other bytes (SO_OOBINLINE).
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_out_of_band_inline(&self, inline: bool) -> io::Result<()> {
        self.0.set_out_of_band_inline(inline)
    }

    /// Sets the TTL, or hop limit, of what is sent to `peer` from now on (IP_TTL,
    /// IPV6_UNICAST_HOPS). What an IPv6 socket sends to an IPv4-mapped address is IPv4.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_ttl(&self, peer: IpAddr, ttl: u8) -> io::Result<()> {
        let (descriptor, value) = (self.as_raw_fd(), u32::from(ttl));
        let (option, result) = match peer.to_canonical() {
            IpAddr::V4(_) => ("IPPROTO_IP, IP_TTL", self.0.set_ttl_v4(value)),
            IpAddr::V6(_) => {
                let result = self.0.set_unicast_hops_v6(value);
                ("IPPROTO_IPV6, IPV6_UNICAST_HOPS", result)
            }
        };
        traced_zero(
            format_args!("setsockopt({descriptor}, {option}, {value})"),
            result,
        )
    }

    /// Resets a TCP connection when it is closed (SO_LINGER with 0 seconds), so that its port can be
    /// used again at once.
    ///
    /// # Errors
    /// The kernel's.
    pub fn reset_when_closed(&self) -> io::Result<()> {
        self.0.set_linger(Some(Duration::ZERO))
    }

    /// Sends each segment at once instead of waiting to fill it (TCP_NODELAY).
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_tcp_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set_tcp_nodelay(nodelay)
    }

    /// The largest segment that a connected TCP socket sends at the moment, without headers
    /// (TCP_MAXSEG; tcp(7)).
    ///
    /// # Errors
    /// The kernel's.
    pub fn tcp_mss(&self) -> io::Result<u32> {
        self.0.tcp_mss()
    }

    /// How many datagrams the kernel has dropped at this socket since it was created, modulo 2^32
    /// (SO_MEMINFO).
    ///
    /// # Errors
    /// The kernel's; `Unsupported` elsewhere than on Linux.
    #[inline]
    pub fn dropped_datagrams(&self) -> io::Result<u32> {
        sys::dropped_datagrams(self)
    }

    /// How much room is left in the send buffer, or in `max` bytes of it, as the kernel counts
    /// (SO_MEMINFO): in bytes of memory, which are more than those of the text.
    ///
    /// # Errors
    /// The kernel's.
    #[inline]
    pub fn send_room(&self, max: u32) -> io::Result<usize> {
        sys::send_room(self, max)
    }

    /// How many bytes written to a stream the peer's kernel has not acknowledged (SIOCOUTQ); on a
    /// Unix stream, how many the peer has not read.
    ///
    /// # Errors
    /// The kernel's.
    #[inline]
    pub fn unacknowledged(&self) -> io::Result<u32> {
        sys::unacknowledged(self)
    }

    /// How many segments of a TCP connection were sent again (`tcpi_total_retrans` of TCP_INFO;
    /// tcp(7)).
    ///
    /// # Errors
    /// The kernel's; EOPNOTSUPP on another socket.
    pub fn retransmissions(&self) -> io::Result<u32> {
        sys::retransmissions(self)
    }

    /// Whether it is a Unix socket.
    pub fn is_unix(&self) -> bool {
        self.local_addr().is_ok_and(|address| address.is_unix())
    }

    /// Whether this is a connection over MPTCP. It is not where the peer, or a box on the path, has
    /// only TCP: the connection is then an ordinary one (RFC 8684, section 3.7).
    pub fn is_mptcp(&self) -> bool {
        mptcp::is_used_by(self)
    }
}

impl From<OwnedFd> for Socket {
    fn from(descriptor: OwnedFd) -> Self {
        Self::of(descriptor.into())
    }
}

impl From<UdpSocket> for Socket {
    fn from(socket: UdpSocket) -> Self {
        Self::of(socket.into())
    }
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.0.into()
    }
}

impl AsFd for Socket {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Socket {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
