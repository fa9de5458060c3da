//! The addresses of a name, from the system's resolver.
//!
//! getaddrinfo(3) cannot be interrupted, and waits 10 seconds for each silent name server. So it
//! runs on a thread that is abandoned when the caller stops waiting; the thread ends with the
//! resolver's own timeout, or with the process.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::ResolveProblem;
use crate::stop::Stop;

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
    // Its other end closes with the thread.
    let (done, alive) = io::pipe()?;
    let (sender, receiver) = channel();
    let wanted = name.to_owned();
    thread::Builder::new()
        .name("resolver".to_owned())
        .spawn(move || {
            let _alive = alive;
            // Fails when the caller no longer waits.
            let _ = sender.send(look_up(&wanted, port));
        })?;
    loop {
        if let Ok(addresses) = receiver.try_recv() {
            return addresses;
        }
        let rest = timeout.saturating_sub(begun.elapsed());
        if stop.is_stopped() {
            return Err(ResolveProblem::Stopped);
        }
        if rest.is_zero() {
            return Err(ResolveProblem::Timeout(timeout));
        }
        stop.wait_with(Some(done.as_fd()), Some(rest))?;
    }
}

/// What getaddrinfo itself reports, without the prefix that the standard library adds.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text)
        .to_owned()
}
