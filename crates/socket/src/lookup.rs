//! The addresses of a name, from the system's resolver.
//!
//! getaddrinfo(3) cannot be interrupted, and waits 10 seconds for each silent name server. So it
//! runs on a thread that is abandoned when the caller stops waiting; the thread ends with the
//! resolver's own timeout, or with the process.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::ResolveProblem;
use crate::stop::Stop;
use crate::sys;

type Addresses = Result<Vec<SocketAddr>, ResolveProblem>;

/// Waits for as long as the resolver does.
fn look_up(name: &str, port: u16) -> Addresses {
    match (name, port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(ResolveProblem::Resolver(reason(&error))),
    }
}

/// Waits at most `timeout`, and not beyond `stop`.
pub(crate) fn look_up_within(name: &str, port: u16, timeout: Duration, stop: &Stop) -> Addresses {
    let begun = Instant::now();
    let lookup = Lookup::begin(name, port)?;
    loop {
        if let Some(addresses) = lookup.take() {
            return addresses;
        }
        let rest = timeout.saturating_sub(begun.elapsed());
        if stop.is_stopped() {
            return Err(ResolveProblem::Stopped);
        }
        if rest.is_zero() {
            return Err(ResolveProblem::Timeout(timeout));
        }
        stop.wait_with(Some(lookup.descriptor()), Some(rest))?;
    }
}

/// A lookup in progress.
#[derive(Debug)]
pub(crate) struct Lookup {
    addresses: Receiver<Addresses>,
    /// Its other end closes with the thread.
    done: io::PipeReader,
}

impl Lookup {
    pub(crate) fn begin(name: &str, port: u16) -> Result<Self, ResolveProblem> {
        let (done, alive) = io::pipe()?;
        let (sender, addresses) = channel();
        let wanted = name.to_owned();
        thread::Builder::new()
            .name("resolver".to_owned())
            .spawn(move || {
                let _alive = alive;
                // Fails when the caller no longer waits.
                let _ = sender.send(look_up(&wanted, port));
            })?;
        Ok(Self { addresses, done })
    }

    /// Readable once the resolver has answered.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }

    /// The answer of the resolver, once; `None` while there is none.
    pub(crate) fn take(&self) -> Option<Addresses> {
        self.addresses.try_recv().ok()
    }
}

/// The name of an address, from the system's resolver; `None` when it has none. Waits for as long as
/// the resolver does, and cannot be interrupted.
pub fn name_of(address: IpAddr) -> Option<String> {
    sys::name_of(&SocketAddr::new(address, 0).into())
}

/// What getaddrinfo itself reports, without the prefix that the standard library adds.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text)
        .to_owned()
}
