//! From listening sockets to the event loops that serve them.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;

use mio::{Poll, Waker};

use super::admission::Admission;
use super::closed::Closed;
use super::connections::Connections;
use super::deadlines::Deadlines;
use super::distributor::{Distributor, Mailbox};
use super::event_loop::{EventLoop, WAKER};
use super::listener::{Listener, Listening};
use crate::StreamLimits;
use crate::draining::Draining;
use crate::guard::Guard;

/// `count` event loops, each for a separate thread, with the listeners spread over them.
pub(crate) fn event_loops(
    listening: Vec<Listening>,
    limits: &StreamLimits,
    count: usize,
    guard: Arc<Guard>,
    draining: &Arc<Draining>,
) -> io::Result<Vec<EventLoop>> {
    let admission = Arc::new(Admission::new(limits, guard));
    let mut listeners: Vec<Vec<Listener>> = (0..count).map(|_| Vec::new()).collect();
    for (index, listening) in listening.into_iter().enumerate() {
        let listener = Listener::new(listening, limits.max_connections, admission.clone())?;
        listeners[index % count].push(listener);
    }
    let (mut polls, mut mailboxes) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (sender, arrivals) = channel();
        polls.push((poll, arrivals));
        mailboxes.push(Mailbox { sender, waker });
    }
    let wakers: Vec<_> = mailboxes.iter().map(|it| it.waker.clone()).collect();
    let closed = Arc::new(Closed::new(&wakers));
    let mut all = Vec::new();
    for (index, ((poll, arrivals), listeners)) in polls.into_iter().zip(listeners).enumerate() {
        let registry = poll.registry().try_clone()?;
        let connections = Connections::new(registry, Deadlines::new(limits), closed.clone());
        let (closed, draining) = (closed.clone(), draining.clone());
        let mut event_loop = EventLoop::new(index, poll, arrivals, connections, closed, draining);
        if !listeners.is_empty() {
            event_loop.listen(listeners, Distributor::new(&mailboxes, index))?;
        }
        all.push(event_loop);
    }
    draining.set_wakers(wakers);
    admission.reserve_descriptors(limits);
    Ok(all)
}
