//! The flows of a run, connected one after the other, and how long that took.

use std::time::{Duration, Instant};

use super::settings::Settings;
use bullhorn_socket::endpoint::{Endpoint, Family};
use bullhorn_socket::error::Result;
use bullhorn_socket::{Socket, Stop, connect};

/// How long a connection over a network may take, however short the timeout of a request: the kernel
/// repeats a SYN without an answer after 1, 3 and 7 seconds (RFC 6298, section 2; tcp(7)).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// From here on a connection is slow: its SYN was repeated.
const SLOW: Duration = Duration::from_secs(1);

/// How long the connections of a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connecting {
    /// The longest of them.
    pub longest: Duration,
    /// How many took a second or more: their SYNs were lost, or the backlog of the listener was
    /// full.
    pub slow: u32,
}

pub(super) struct Connected {
    /// For each thread those of its flows.
    pub(super) sockets: Vec<Vec<Socket>>,
    pub(super) connecting: Connecting,
}

impl Connected {
    pub(super) fn open(endpoint: &Endpoint, settings: &Settings, stop: &Stop) -> Result<Self> {
        let threads = settings.threads as usize;
        let timeout = match endpoint.family() {
            Some(Family::Unix) => settings.timeout,
            _ => settings.timeout.max(CONNECT_TIMEOUT),
        };
        let mut sockets: Vec<Vec<Socket>> = (0..threads).map(|_| Vec::new()).collect();
        let mut connecting = Connecting::default();
        for flow in 0..settings.flows as usize {
            let begun = Instant::now();
            sockets[flow % threads].push(connect(endpoint, &settings.connect, timeout, stop)?);
            let took = begun.elapsed();
            connecting.longest = connecting.longest.max(took);
            connecting.slow += u32::from(took >= SLOW);
        }
        Ok(Self {
            sockets,
            connecting,
        })
    }
}
