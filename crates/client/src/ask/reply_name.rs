//! The name that a Unix datagram server answers to: an abstract one, or a file where no answer comes
//! to that.

use std::time::{Duration, Instant};

use super::comparison::capitals;
use super::flow::DatagramFlow;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result, plain};
use bullhorn_socket::{ConnectOptions, PollSet, Stop, may_be_in_another_network};

/// The text that tries a name.
const TRIAL: &[u8] = b"bullhorn";

/// `options` as they get an answer from `endpoint` within `timeout`: with an abstract name, or else
/// with a file beside the server's. Nothing is sent to a server in the same network namespace.
pub(crate) fn choose(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    timeout: Duration,
    stop: &Stop,
) -> ConnectOptions {
    let mut with_file = options.clone();
    with_file.has_name_beside_server = true;
    if !may_be_in_another_network(endpoint) || options == &with_file {
        return options.clone();
    }
    let mut reason = String::new();
    for candidate in [options, &with_file] {
        match is_answered(endpoint, candidate, timeout, stop) {
            Ok(true) => return candidate.clone(),
            Ok(false) => {}
            // The server is not there at all.
            Err(Error::Path { .. }) => return options.clone(),
            Err(Error::Socket {
                operation: Operation::Bind,
                source,
                ..
            }) => reason = format!(" (and none can be bound: {})", plain(&source)),
            Err(error) => tracing::debug!("{error}"),
        }
    }
    if !stop.is_stopped() {
        tracing::warn!(
            "{endpoint} may be in another network namespace: it can answer only to a file beside its \
             socket{reason}, and only if both see that directory at the same path"
        );
    }
    options.clone()
}

fn is_answered(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    timeout: Duration,
    stop: &Stop,
) -> Result<bool> {
    let mut flow = DatagramFlow::open(endpoint, options)?;
    if flow.send(TRIAL).is_err() {
        return Ok(false);
    }
    let begun = Instant::now();
    let mut buffer = vec![0; DatagramFlow::BUFFER_SIZE];
    loop {
        match flow.receive(&mut buffer) {
            Ok(Some(length)) => return Ok(buffer[..length] == capitals(TRIAL)),
            Ok(None) => {}
            Err(_) => return Ok(false),
        }
        let rest = timeout.saturating_sub(begun.elapsed());
        if rest.is_zero() || stop.is_stopped() {
            return Ok(false);
        }
        let mut poll = PollSet::default();
        poll.add(flow.as_fd(), true, false);
        poll.add_stop(stop);
        poll.wait(Some(rest))
            .map_err(|source| Error::socket(Operation::Receive, endpoint, source))?;
    }
}
