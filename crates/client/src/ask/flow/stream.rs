//! A flow over a connection: lines in both directions.

use std::io;
use std::net::Shutdown;
#[cfg(feature = "probe")]
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use bullhorn_socket::Attempt;
use bullhorn_socket::ConnectOptions;
use bullhorn_socket::Stop;
#[cfg(feature = "probe")]
use bullhorn_socket::begin_connect;
use bullhorn_socket::call::traced_zero;
use bullhorn_socket::connect;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Result;
use bullhorn_socket::lines::{Arrival, Lines};

pub(crate) struct StreamFlow {
    pub(crate) lines: Lines,
    /// `None` once connected.
    attempt: Option<Box<Attempt>>,
}

impl StreamFlow {
    /// Waits until connected, at most for `timeout`.
    pub(crate) fn connect(
        endpoint: &Endpoint,
        options: &ConnectOptions,
        timeout: Duration,
        stop: &Stop,
    ) -> Result<Self> {
        Ok(Self {
            lines: Lines::new(connect(endpoint, options, timeout, stop)?),
            attempt: None,
        })
    }

    /// Begins to connect. [`Self::write`] continues.
    #[cfg(feature = "probe")]
    pub(crate) fn begin(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Self> {
        let (socket, attempt) = begin_connect(endpoint, options)?;
        Ok(Self {
            lines: Lines::new(socket),
            attempt: (!attempt.is_made()).then(|| Box::new(attempt)),
        })
    }

    /// The address that it sends from; `None` for a Unix socket.
    #[cfg(feature = "probe")]
    pub(crate) fn source(&self) -> Option<SocketAddr> {
        self.lines.socket().source()
    }

    #[cfg(feature = "probe")]
    pub(crate) fn is_connected(&self) -> bool {
        self.attempt.is_none()
    }

    /// Writes what the kernel takes, once connected. Returns whether it took any.
    pub(crate) fn write(&mut self) -> io::Result<bool> {
        if let Some(attempt) = &mut self.attempt {
            if !attempt.advance(self.lines.socket())? {
                return Ok(false);
            }
            self.attempt = None;
        }
        self.lines.write()
    }

    /// Reads once, if connected.
    pub(crate) fn read(&mut self) -> io::Result<Arrival> {
        match self.attempt {
            Some(_) => Ok(Arrival::Nothing),
            None => self.lines.read(),
        }
    }

    /// Half-closes: the peer learns that nothing more will be written.
    pub(crate) fn half_close(&self) -> io::Result<()> {
        let socket = self.lines.socket();
        let call = format_args!("shutdown({}, SHUT_WR)", socket.as_raw_fd());
        traced_zero(call, socket.shutdown(Shutdown::Write))
    }

    /// What to wait for; includes room to write if there is something to write.
    pub(crate) fn interest(&self) -> (BorrowedFd<'_>, bool) {
        let socket = self.lines.socket();
        match &self.attempt {
            Some(attempt) => attempt.interest(socket),
            None => (socket.as_fd(), self.lines.has_unwritten()),
        }
    }
}
