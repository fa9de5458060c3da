//! The names of addresses, found on a thread of its own while the trace goes on.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use bullhorn_socket::{Stop, name_of};

/// How long names are waited for once the trace is over.
const NAMES_TIMEOUT: Duration = Duration::from_secs(3);

/// How often the wait looks for a stop.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// Lookups in progress. The thread is abandoned when the resolver takes too long.
pub(super) struct Names {
    wanted: Sender<IpAddr>,
    found: Receiver<(IpAddr, Option<String>)>,
    asked: HashSet<IpAddr>,
}

impl Names {
    /// `None` where there is no thread for it: a trace is worth having without names.
    pub(super) fn start() -> Option<Self> {
        let (wanted, addresses) = channel::<IpAddr>();
        let (sender, found) = channel();
        let thread = thread::Builder::new().name("names".to_owned());
        let started = thread.spawn(move || {
            for address in addresses {
                // Fails when the caller no longer waits.
                let _ = sender.send((address, name_of(address)));
            }
        });
        started.ok()?;
        Some(Self {
            wanted,
            found,
            asked: HashSet::new(),
        })
    }

    pub(super) fn ask(&mut self, address: IpAddr) {
        if self.asked.insert(address) {
            let _ = self.wanted.send(address);
        }
    }

    /// The names found in time.
    pub(super) fn finish(self, stop: &Stop) -> HashMap<IpAddr, String> {
        drop(self.wanted);
        let end = Instant::now() + NAMES_TIMEOUT;
        let mut names = HashMap::new();
        while !stop.is_stopped() && Instant::now() < end {
            match self.found.recv_timeout(STOP_CHECK) {
                Ok((address, Some(name))) => drop(names.insert(address, name)),
                Ok((_, None)) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        names
    }
}
