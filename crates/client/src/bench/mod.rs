//! Load: many requests over many flows, every answer matched with its request and compared to the
//! last byte.
//!
//! In reading order: [`text`] makes the requests and the answers they are owed, `ledger` matches
//! and accounts for one flow, [`record`] keeps what was seen, `pacing` says when a request is due,
//! `worker` is the loop of one thread, over a `transport`, which is `datagram` or `stream`; `plan`
//! says how much each worker has to do, `capacity` how much memory that takes, `run` lets them and hears of them by what is `shared`,
//! `measured` is what came of it, and [`threshold`] judges that.
//!
//! Plain blocking threads: a load generator must not measure its own runtime. Nothing here reads
//! arguments or prints.

mod capacity;
mod datagram;
#[cfg(fuzzing)]
pub mod fuzzing;
mod ledger;
mod measured;
mod pacing;
mod plan;
pub mod record;
mod run;
mod shared;
mod stream;
pub mod text;
pub mod threshold;
mod transport;
mod worker;

use std::time::Duration;

pub use measured::Measured;
pub use record::{Counts, Record};
pub use run::{Observer, Progress, Wish, run};

use bullhorn_socket::endpoint::{Endpoint, Family, FamilyFilter, SocketType};

/// What load is put on an endpoint.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many sockets, each with numbers of its own, at least 1.
    pub flows: u32,
    /// How many requests of a flow are kept under way; `None` is [`Settings::default_window`].
    pub window: Option<u32>,
    /// Requests a second, sent whatever has become of the others; `None` keeps the windows full.
    pub rate: Option<f64>,
    /// How long requests are sent, after the warm-up; `None` until `count` is reached.
    pub duration: Option<Duration>,
    /// The most requests that are sent after the warm-up.
    pub count: Option<u64>,
    /// How long requests are sent before anything is measured.
    pub warmup: Option<Duration>,
    /// The length of each text in bytes, its header and, on a stream, its line end counted.
    pub size: usize,
    /// What the texts are filled with.
    pub filler: Option<Vec<u8>>,
    /// How many threads share the flows.
    pub threads: u32,
    /// Whether texts may travel many in one buffer (UDP_SEGMENT, UDP_GRO).
    pub has_offload: bool,
    /// After this long a request without an answer is lost.
    pub timeout: Duration,
    /// How long to look for answers again and again before sleeping.
    pub spin: Duration,
    /// Which addresses of a name may be used.
    pub family: FamilyFilter,
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
        }
    }
}

impl Settings {
    /// The window without a wish: what one buffer holds (UDP_SEGMENT), and for Unix datagrams less
    /// than the kernel queues for a socket (net.unix.max_dgram_qlen is 10 on older kernels).
    pub fn default_window(endpoint: &Endpoint) -> u32 {
        match (endpoint.family(), endpoint.socket_type()) {
            (Some(Family::Unix), Some(SocketType::Datagram)) => 8,
            _ => 64,
        }
    }
}
