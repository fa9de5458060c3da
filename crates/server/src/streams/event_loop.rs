//! Event loops: each one task that serves many connections, as the kernel says which can go on.
//!
//! Each has an epoll of its own, level-triggered, in tokio's care like any other descriptor. So a
//! batch of connections with something to read costs the runtime one wake-up, not one for each,
//! and an idle connection is no task. What happens on one connection is in [`super::connection`], how
//! long it may keep us waiting in [`super::deadlines`].

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use slab::Slab;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::connection::{Buffers, Connection, Progress};
use super::deadlines::Deadlines;
use super::draining::Draining;
use super::read_ahead::{ReadAhead, TOGETHER};
use crate::DRAIN_TIMEOUT;
use crate::stats::ConnectionDropCause;
use bullhorn_socket::sys::register_readable;

/// The most connections served in one turn, before others of the runtime have theirs.
const BATCH: usize = 256;

const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Where listeners hand over their connections: to each loop in turn.
#[derive(Clone)]
pub(crate) struct EventLoops {
    arrivals: Vec<UnboundedSender<Connection>>,
    next: usize,
    departures: Arc<Notify>,
}

impl EventLoops {
    /// So many loops, which end when they are told to drain, all connections are gone, and nobody
    /// holds this any more. In the context of a runtime.
    pub(crate) fn new(
        count: usize,
        deadlines: Deadlines,
        draining: &Arc<Draining>,
    ) -> io::Result<(Self, Vec<EventLoop>)> {
        let departures = Arc::new(Notify::new());
        let (mut arrivals, mut loops) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (sender, receiver) = unbounded_channel();
            arrivals.push(sender);
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            loops.push(EventLoop {
                epoll: register_readable(epoll)?,
                arrivals: receiver,
                draining: draining.clone(),
                served: Served {
                    seats: Slab::new(),
                    looks: BTreeSet::new(),
                    deadlines,
                    is_draining: false,
                    unfinished: VecDeque::new(),
                    buffers: Buffers::default(),
                    departures: departures.clone(),
                },
            });
        }
        let all = Self {
            arrivals,
            next: 0,
            departures,
        };
        Ok((all, loops))
    }

    /// Has the next loop serve it. There are never more on their way than may be open.
    pub(super) fn serve(&mut self, connection: Connection) {
        self.next = (self.next + 1) % self.arrivals.len();
        // A loop that has ended by a panic drops it, and makes the endpoint ailing.
        let _ = self.arrivals[self.next].send(connection);
    }

    /// Waits until a connection has ended.
    pub(super) async fn departure(&self) {
        self.departures.notified().await;
    }
}

pub(crate) struct EventLoop {
    epoll: AsyncFd<OwnedFd>,
    arrivals: UnboundedReceiver<Connection>,
    draining: Arc<Draining>,
    served: Served,
}

/// The connections of one loop, all of them in its epoll.
struct Served {
    /// By the number under which epoll knows them.
    seats: Slab<Seat>,
    /// When to look at which seat.
    looks: BTreeSet<(Instant, usize)>,
    deadlines: Deadlines,
    is_draining: bool,
    /// While draining: those that may have more to answer, and wait for their turn and not for epoll.
    unfinished: VecDeque<usize>,
    buffers: Buffers,
    departures: Arc<Notify>,
}

/// A connection, and how it is watched.
struct Seat {
    connection: Connection,
    /// An answer waits for the peer.
    is_blocked: bool,
    next_look: Instant,
    /// Between the last look and the next.
    interval: Duration,
    /// How long nothing had moved at the last look.
    quiet: Duration,
}

impl EventLoop {
    pub(crate) async fn run(self) {
        let Self {
            epoll,
            mut arrivals,
            draining,
            mut served,
        } = self;
        let mut stop = pin!(draining.notify.notified());
        stop.as_mut().enable();
        let mut abort = pin!(draining.abort_notify.notified());
        abort.as_mut().enable();
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut is_listening = true;
        let mut end = None;
        let mut ahead = ReadAhead::default();
        while is_listening || !served.seats.is_empty() {
            if end.is_none() && draining.has_begun() {
                end = Some(Instant::now() + DRAIN_TIMEOUT);
                served.begin_drain();
                continue;
            }
            if end.is_some() && draining.is_aborted() {
                // Each connection counts itself as it is dropped.
                return;
            }
            served.proceed_with_unfinished(epoll.get_ref());
            let look = served.looks.first().map(|(at, _)| *at);
            let wake = look.into_iter().chain(end).min();
            if let Some(wake) = wake
                && wake != timer.deadline()
            {
                timer.as_mut().reset(wake);
            }
            // In this order, so that connections which are always ready do not keep the rest from
            // their turn.
            tokio::select! {
                biased;
                arrived = arrivals.recv(), if is_listening => match arrived {
                    Some(connection) => served.take_in(epoll.get_ref(), connection),
                    None => is_listening = false,
                },
                () = timer.as_mut(), if wake.is_some() => {
                    let now = Instant::now();
                    if end.is_some_and(|end| end <= now) {
                        // As above.
                        return;
                    }
                    served.look(epoll.get_ref(), now);
                }
                ready = epoll.readable() => {
                    // The runtime is gone.
                    let Ok(mut ready) = ready else { return };
                    if served.proceed_with_ready(ready.get_inner(), &mut ahead) == 0 {
                        ready.clear_ready();
                    }
                    yield_now().await;
                }
                // The beginning of each turn knows as well; this is for who waits.
                () = stop.as_mut(), if end.is_none() => {}
                () = abort.as_mut(), if end.is_some() => {}
                () = yield_now(), if !served.unfinished.is_empty() => {}
            }
        }
    }
}

impl Served {
    fn take_in(&mut self, epoll: &OwnedFd, connection: Connection) {
        let number = self.seats.vacant_key();
        let data = epoll::EventData::new_u64(number as u64);
        let added = epoll::add(epoll, connection.as_fd(), data, epoll::EventFlags::IN);
        let interval = self.deadlines.interval(false);
        let next_look = Instant::now() + interval;
        self.looks.insert((next_look, number));
        self.seats.insert(Seat {
            connection,
            is_blocked: false,
            next_look,
            interval,
            quiet: Duration::ZERO,
        });
        if added.is_err() {
            self.give_up(epoll, number, ConnectionDropCause::SocketFailed);
        } else if self.is_draining {
            self.unfinished.push_back(number);
        }
    }

    /// From now on, what the kernel has received is the last to be answered.
    fn begin_drain(&mut self) {
        self.is_draining = true;
        self.deadlines = self.deadlines.while_draining();
        self.unfinished = self.seats.iter().map(|(number, _)| number).collect();
        let now = Instant::now();
        for number in self.unfinished.clone() {
            self.schedule(number, now);
        }
    }

    /// The next turn of those that drain.
    fn proceed_with_unfinished(&mut self, epoll: &OwnedFd) {
        for _ in 0..self.unfinished.len().min(BATCH) {
            if let Some(number) = self.unfinished.pop_front() {
                self.proceed(epoll, number, None);
            }
        }
    }

    /// How many connections could go on; interrupted before the kernel could say, one as far as anybody
    /// knows.
    fn proceed_with_ready(&mut self, epoll: &OwnedFd, ahead: &mut ReadAhead) -> usize {
        let mut events = [const { MaybeUninit::uninit() }; BATCH];
        let Ok((events, _)) = epoll::wait(epoll, &mut events, Some(&AT_ONCE)) else {
            return 1;
        };
        for together in events.chunks(TOGETHER) {
            for event in together {
                let number = event.data.u64() as usize;
                if let Some(seat) = self.seats.get(number)
                    // The others are among the unfinished.
                    && (seat.is_blocked || !self.is_draining)
                {
                    ahead.read(number, &seat.connection);
                }
            }
            for (number, read) in ahead.take() {
                self.proceed(epoll, number, read);
            }
        }
        events.len()
    }

    /// Lets a connection go on as far as it can.
    fn proceed(&mut self, epoll: &OwnedFd, number: usize, ahead: Option<io::Result<&mut [u8]>>) {
        let Some(seat) = self.seats.get_mut(number) else {
            return;
        };
        let progress = seat
            .connection
            .proceed(&mut self.buffers, ahead, self.is_draining);
        let is_blocked = match progress {
            Progress::Over => return self.remove(epoll, number),
            Progress::ToRead => false,
            Progress::ToWrite => true,
        };
        if self.is_draining && !is_blocked {
            self.unfinished.push_back(number);
        }
        if seat.is_blocked == is_blocked {
            return;
        }
        seat.is_blocked = is_blocked;
        let interest = match is_blocked {
            false => epoll::EventFlags::IN,
            true => epoll::EventFlags::OUT,
        };
        let data = epoll::EventData::new_u64(number as u64);
        let modified = epoll::modify(epoll, seat.connection.as_fd(), data, interest);
        if modified.is_err() {
            self.give_up(epoll, number, ConnectionDropCause::SocketFailed);
        } else if is_blocked {
            seat.connection.begin_to_wait();
            self.schedule(number, Instant::now());
        }
    }

    /// Looks at the connections whose time has come: whether anything has moved.
    fn look(&mut self, epoll: &OwnedFd, now: Instant) {
        while let Some((at, number)) = self.looks.first().copied()
            && at <= now
        {
            let seat = &mut self.seats[number];
            seat.quiet = match seat.connection.has_moved() {
                true => Duration::ZERO,
                false => seat.quiet + seat.interval,
            };
            match self.deadlines.missed(seat.is_blocked, seat.quiet) {
                Some(_) if self.is_draining => {
                    self.give_up(epoll, number, ConnectionDropCause::DrainTimeout);
                }
                Some(cause) => self.give_up(epoll, number, cause),
                None => self.schedule(number, now),
            }
        }
    }

    /// The next look at a connection.
    fn schedule(&mut self, number: usize, now: Instant) {
        let seat = &mut self.seats[number];
        self.looks.remove(&(seat.next_look, number));
        seat.interval = self.deadlines.interval(seat.is_blocked);
        seat.next_look = now + seat.interval;
        self.looks.insert((seat.next_look, number));
    }

    fn give_up(&mut self, epoll: &OwnedFd, number: usize, cause: ConnectionDropCause) {
        self.seats[number].connection.give_up(cause);
        self.remove(epoll, number);
    }

    fn remove(&mut self, epoll: &OwnedFd, number: usize) {
        let seat = self.seats.remove(number);
        self.looks.remove(&(seat.next_look, number));
        // Closing alone would leave it to epoll for as long as a child process has a copy.
        let _ = epoll::delete(epoll, seat.connection.as_fd());
        drop(seat);
        self.departures.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::Ordering;

    use tokio::time::timeout;

    use super::super::admission::Admission;
    use super::*;
    use crate::guard::Guard;
    use crate::stats::{StreamCounters, StreamTotals};
    use crate::{GuardOptions, StreamLimits};

    /// A peer, and its connection to the server.
    fn connection(counters: &Arc<StreamCounters>, send_buffer: usize) -> (UnixStream, Connection) {
        let (peer, ours) = UnixStream::pair().unwrap();
        for end in [&peer, &ours] {
            end.set_nonblocking(true).unwrap();
        }
        let ours = socket2::Socket::from(OwnedFd::from(ours));
        // However many turns the loop takes at a stretch: it can answer less than the peer has sent.
        socket2::SockRef::from(&peer)
            .set_send_buffer_size(1 << 20)
            .unwrap();
        ours.set_send_buffer_size(send_buffer).unwrap();
        let guard = Guard::new(&GuardOptions::default(), std::iter::empty());
        let limits = StreamLimits::default();
        let admission = Arc::new(Admission::new(&limits, Arc::new(guard)));
        let admitted = admission.admit(&ours.local_addr().unwrap()).unwrap();
        counters.accepted.fetch_add(1, Ordering::Relaxed);
        let connection = Connection::new(ours, admitted, None, counters.clone());
        (peer, connection)
    }

    /// Takes every answer and sends as much as the kernel takes.
    fn flood(mut peer: &UnixStream) {
        let mut buffer = [b'a'; 1 << 16];
        while peer.read(&mut buffer).is_ok_and(|length| length > 0) {}
        buffer.fill(b'a');
        while peer.write(&buffer).is_ok() {}
    }

    /// One loop with a peer that has always sent more when it is looked at, and another that has asked
    /// once. How long the drain took, and how long the other waited for its end.
    async fn drain() -> (Duration, Option<Duration>, StreamTotals) {
        let counters = Arc::default();
        let draining = Arc::new(Draining::default());
        let deadlines = Deadlines::new(&StreamLimits::default());
        let (mut loops, mut all) = EventLoops::new(1, deadlines, &draining).unwrap();
        let (flooding, its_connection) = connection(&counters, 1 << 16);
        let (mut other, others_connection) = connection(&counters, 1 << 16);
        loops.serve(its_connection);
        loops.serve(others_connection);
        drop(loops);
        flood(&flooding);
        other.write_all(b"hello").unwrap();
        draining.begin();
        let begin = Instant::now();
        // On the same thread, so that the turns of the peers and of the loop take each other's place.
        let event_loop = all.remove(0).run();
        let peers = async {
            let (mut answer, mut others_end) = (Vec::new(), None);
            loop {
                flood(&flooding);
                if others_end.is_none() && other.read_to_end(&mut answer).is_ok() {
                    assert_eq!(answer, b"HELLO");
                    others_end = Some(begin.elapsed());
                }
                if counters.read().open() == 0 {
                    return others_end;
                }
                yield_now().await;
            }
        };
        let both = async { tokio::join!(event_loop, peers) };
        let ((), others_end) = timeout(DRAIN_TIMEOUT * 3, both).await.unwrap();
        (begin.elapsed(), others_end, counters.read())
    }

    #[test]
    fn a_turn_while_draining_ends_before_all_is_answered_that_was_sent() {
        // More than a turn takes, and less than the kernel takes of answers.
        const SENT: usize = 320 << 10;
        let counters = Arc::default();
        let (mut peer, mut connection) = connection(&counters, 1 << 20);
        peer.write_all(&vec![b'a'; SENT]).unwrap();
        let mut buffers = Buffers::default();
        let progress = connection.proceed(&mut buffers, None, true);
        assert_eq!(progress, Progress::ToRead);
        assert!(counters.read().received_bytes < SENT as u64);
    }

    #[test]
    fn each_connection_has_its_turn_while_another_has_always_sent_more() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let counters = Arc::default();
        let deadlines = Deadlines::new(&StreamLimits::default());
        let (_loops, mut all) = EventLoops::new(1, deadlines, &Arc::default()).unwrap();
        let EventLoop { epoll, served, .. } = &mut all[0];
        let (flooding, its_connection) = connection(&counters, 1 << 20);
        let (mut other, others_connection) = connection(&counters, 1 << 20);
        served.take_in(epoll.get_ref(), its_connection);
        served.take_in(epoll.get_ref(), others_connection);
        flood(&flooding);
        other.write_all(b"hello").unwrap();
        served.begin_drain();
        served.proceed_with_unfinished(epoll.get_ref());
        let mut answer = Vec::new();
        other.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"HELLO");
        assert_eq!(counters.read().open(), 1);
    }

    #[test]
    fn a_peer_as_fast_as_the_server_is_given_up_after_the_drain_and_keeps_nobody_from_a_turn() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let (elapsed, others_end, totals) = runtime.unwrap().block_on(drain());
        assert_eq!(
            totals.dropped_by(ConnectionDropCause::DrainTimeout),
            1,
            "{totals:?}"
        );
        assert_eq!(totals.finished, 1, "{totals:?}");
        assert!(elapsed >= DRAIN_TIMEOUT, "{elapsed:?}");
        assert!(elapsed < DRAIN_TIMEOUT * 3 / 2, "{elapsed:?}");
        let others_end = others_end.unwrap();
        assert!(others_end < DRAIN_TIMEOUT / 2, "{others_end:?}");
    }
}
