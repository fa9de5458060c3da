//! The addresses of a name, from the system's resolver.
//!
//! getaddrinfo(3) cannot be interrupted and takes its own time, 10 seconds for each name server
//! that is silent. So it runs on a thread of its own, which is abandoned when the caller will not wait
//! longer; it ends with the resolver's own timeout, or with the process.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::stop::Stop;

type Addresses = Result<Vec<SocketAddr>, String>;

/// Waits for as long as the resolver does.
pub(super) fn look_up(name: &str, port: u16) -> Addresses {
    match (name, port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(reason(&error)),
    }
}

/// Waits at most `timeout`, and not beyond `stop`.
pub(super) fn look_up_within(name: &str, port: u16, timeout: Duration, stop: &Stop) -> Addresses {
    let begun = Instant::now();
    let failed = |error: io::Error| format!("cannot wait for the resolver: {error}");
    // Its other end closes with the thread.
    let (done, alive) = io::pipe().map_err(failed)?;
    let (sender, receiver) = channel();
    let wanted = name.to_owned();
    thread::Builder::new()
        .name("resolver".to_owned())
        .spawn(move || {
            let _alive = alive;
            // Where the caller has given up, nobody is left to hear it.
            let _ = sender.send(look_up(&wanted, port));
        })
        .map_err(failed)?;
    loop {
        if let Ok(addresses) = receiver.try_recv() {
            return addresses;
        }
        let rest = timeout.saturating_sub(begun.elapsed());
        if stop.is_stopped() {
            return Err("stopped before the resolver answered".to_owned());
        }
        if rest.is_zero() {
            let timeout = humantime::format_duration(timeout);
            return Err(format!("the resolver did not answer within {timeout}"));
        }
        stop.wait_with(Some(done.as_fd()), Some(rest))
            .map_err(failed)?;
    }
}

/// The standard library hides getaddrinfo's own words behind a prefix; they are what helps.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text)
        .to_owned()
}
