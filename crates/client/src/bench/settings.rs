//! The load of a run.

use std::time::Duration;

use bullhorn_socket::ConnectOptions;
use bullhorn_socket::endpoint::{Endpoint, Family, FamilyFilter, SocketType};

/// The most bytes of text that a run keeps in flight, and the most memory that it takes.
pub(super) const MAX_BYTES: u128 = 1 << 30;

/// What load a run puts on an endpoint. Start from [`Settings::default`] and set what differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The number of sockets, at least 1. Each flow numbers its own requests.
    pub flows: u32,
    /// The most requests in flight on a flow; `None` is [`Settings::default_window`].
    pub window: Option<u32>,
    /// Requests per second, sent regardless of outstanding replies (open loop). `None` keeps the
    /// windows full (closed loop).
    pub rate: Option<f64>,
    /// How long to send after the warm-up; `None` until `count` is reached.
    pub duration: Option<Duration>,
    /// The most requests to send after the warm-up.
    pub count: Option<u64>,
    /// How long to send before measuring starts.
    pub warmup: Option<Duration>,
    /// The length of each text in bytes, including its header and, on a stream, its line end.
    pub size: usize,
    /// What the texts are filled with, repeated as needed.
    pub filler: Option<Vec<u8>>,
    /// The number of threads that share the flows.
    pub threads: u32,
    /// Whether several datagrams may share one buffer (UDP_SEGMENT, UDP_GRO).
    pub has_offload: bool,
    /// A request without a reply after this long is lost.
    pub timeout: Duration,
    /// How long to busy-poll for replies before sleeping.
    pub spin: Duration,
    /// Which addresses of a name may be used.
    pub family: FamilyFilter,
    /// How packets leave this machine. A source port is for one flow.
    pub connect: ConnectOptions,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flows: 16,
            window: None,
            rate: None,
            duration: Some(Duration::from_secs(10)),
            count: None,
            warmup: Some(Duration::from_secs(1)),
            size: 64,
            filler: None,
            threads: 1,
            has_offload: true,
            timeout: Duration::from_secs(1),
            spin: Duration::from_millis(1),
            family: FamilyFilter::All,
            connect: ConnectOptions::default(),
        }
    }
}

impl Settings {
    /// The window when none is set: as many datagrams as fit one buffer (UDP_SEGMENT), and for Unix
    /// datagrams fewer than the kernel queues for a socket (net.unix.max_dgram_qlen is 10 on older
    /// kernels).
    ///
    /// ```
    /// use bullhorn_client::bench::Settings;
    ///
    /// assert_eq!(Settings::default_window(&"unixgram:@name".parse()?), 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn default_window(endpoint: &Endpoint) -> u32 {
        match (endpoint.family(), endpoint.socket_type()) {
            (Some(Family::Unix), Some(SocketType::Datagram)) => 8,
            _ => 64,
        }
    }
}
