//! Waiting for replies, and at the end of a run for late ones. Only this and the wait for the
//! schedule block.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::flows::Flows;
use crate::bench::ledger::Ledger;
use crate::bench::shared::Shared;
use crate::bench::transport::{Received, Transport};
use bullhorn_socket::PollSet;

/// The longest sleep, so that a stop is noticed.
pub(super) const MAX_SLEEP: Duration = Duration::from_millis(50);

/// How long the end of a run waits for duplicates and late replies.
const LINGER: Duration = Duration::from_millis(100);

/// A sleep takes about this much longer than requested.
pub(super) const SLEEP_SLACK: Duration = Duration::from_micros(100);

/// Sleeps until a flow is ready, the oldest request has timed out or the next is due; false if that
/// is now.
pub(super) fn sleep<T: Transport>(
    flows: &mut Flows<T>,
    next_due_ns: Option<u64>,
    timeout_ns: u64,
) -> io::Result<bool> {
    let until = |until_ns: u64| Duration::from_nanos(until_ns.saturating_sub(flows.now_ns));
    let oldest_ns = flows.ledgers.iter().filter_map(Ledger::oldest_ns).min();
    let timed_out = oldest_ns.map_or(MAX_SLEEP, |sent_ns| until(sent_ns + timeout_ns));
    let due = next_due_ns.map_or(MAX_SLEEP, |due_ns| {
        until(due_ns).saturating_sub(SLEEP_SLACK)
    });
    let wait = MAX_SLEEP.min(timed_out).min(due);
    if wait.is_zero() {
        return Ok(false);
    }
    let mut poll = PollSet::default();
    for (index, socket) in flows.transport.sockets().iter().enumerate() {
        if flows.queues.is_waiting(index) {
            poll.add(socket.as_fd(), true, flows.transport.waits_for_room(index));
        }
    }
    poll.wait(Some(wait))?;
    drop(poll);
    flows.read_clock();
    Ok(true)
}

/// Receives what still comes for settled requests: duplicates and late replies.
pub(super) fn linger<T: Transport>(flows: &mut Flows<T>, shared: &Shared) -> io::Result<()> {
    let end = Instant::now() + LINGER;
    while !shared.is_aborted() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        for index in readable(flows, left)? {
            match flows.receive(index) {
                Ok(Received::At(_)) => {}
                // A connection that ends now is no longer needed.
                Ok(Received::Closed) => {
                    flows.queues.close(index);
                }
                Err(error) => flows.handle_error(error, index)?,
            }
        }
    }
    Ok(())
}

/// The flows that are ready within `timeout`.
fn readable<T: Transport>(flows: &Flows<T>, timeout: Duration) -> io::Result<Vec<usize>> {
    let open: Vec<usize> = (0..flows.queues.count())
        .filter(|index| !flows.queues.is_closed(*index))
        .collect();
    let mut poll = PollSet::default();
    for index in &open {
        poll.add(flows.transport.sockets()[*index].as_fd(), true, false);
    }
    poll.wait(Some(timeout))?;
    let open = open.into_iter().enumerate();
    let readable = open.filter(|(entry, _)| poll.ready(*entry).to_read);
    Ok(readable.map(|(_, index)| index).collect())
}
