//! The options for binding sockets.

use std::os::fd::RawFd;

/// The options for binding sockets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BindOptions {
    /// The file mode of a Unix socket exactly as given, or 0660 less the process's umask.
    pub unix_mode: Option<u32>,
    /// How many connections may wait to be accepted (listen(2)); the kernel allows at most
    /// net.core.somaxconn.
    pub backlog: i32,
    /// How many sockets share one UDP address (SO_REUSEPORT), each with its own worker.
    pub workers: usize,
    /// How many threads receive from one inherited datagram socket. With more than one, the answers
    /// to one client may overtake each other.
    pub inherited_workers: usize,
    /// Descriptors of bound sockets that were passed to this process: an endpoint that is the
    /// address of one of them uses that socket instead of binding a new one.
    pub passed: Vec<RawFd>,
    /// The size of the kernel's receive buffer for datagrams in bytes; `None` asks for
    /// [`RECEIVE_BUFFER`] and accepts less.
    pub receive_buffer: Option<usize>,
    /// The size of the kernel's send buffer for datagrams in bytes; `None` keeps the kernel's own.
    pub send_buffer: Option<usize>,
}

/// The default receive buffer in bytes: it holds a burst of several thousand datagrams. The kernel
/// grants at most net.core.rmem_max.
pub const RECEIVE_BUFFER: usize = 4 << 20;

impl Default for BindOptions {
    fn default() -> Self {
        Self {
            unix_mode: None,
            backlog: 4096,
            workers: 1,
            inherited_workers: 1,
            passed: Vec::new(),
            receive_buffer: None,
            send_buffer: None,
        }
    }
}
