//! One thread of the load: it sends what is due, looks for answers, and never waits for one flow
//! while another has something. The same loop for every transport and for both kinds of load.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::ledger::{Desk, Ledger};
use super::pacing::Pace;
use super::record::Record;
use super::transport::{Clock, Taken, Transport};
use crate::socket::sys::PollSet;

/// So many looks in vain at the flow that waits longest, before a look at the next. Servers answer
/// mostly in order, and with thousands of flows each look at another one is a row of cache misses.
const PATIENCE: u32 = 16;

/// So many looks in vain between two looks at the clock.
const LOOKS_PER_CLOCK: u32 = 16;

/// How often a worker says how far it is.
const PUBLISH_NS: u64 = 50_000_000;

/// The longest sleep, so that a wish to stop is seen.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// How long the end of a run waits for more answers than it needs.
const LINGER: Duration = Duration::from_millis(100);

/// So much later than its end a schedule may still send what was due before.
const LAG_NS: u64 = 20_000_000;

/// A sleep takes about this much longer than it was to.
const SLEEP_SLACK: Duration = Duration::from_micros(100);

/// When requests are sent.
pub(super) enum Load {
    /// Whenever at least `threshold` of the window is free.
    Closed { window: u64, threshold: u64 },
    /// By a schedule.
    Open(Pace),
}

/// How far a run goes, the same for each worker but the quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) measure_from_ns: u64,
    pub(super) send_until_ns: u64,
    /// The most measured requests of this worker.
    pub(super) quota: u64,
    pub(super) timeout_ns: u64,
    pub(super) spin: Duration,
    /// The most texts sent at once.
    pub(super) burst: usize,
}

/// What all workers and their observer see.
#[derive(Default)]
pub(super) struct Shared {
    /// 0 goes on, [`STOP`] sends no more, [`BREAK_OFF`] waits for no more.
    pub(super) wish: AtomicU8,
    /// How many workers are done.
    pub(super) finished: AtomicUsize,
    /// What each worker has sent and had answered right, as it last said.
    pub(super) progress: Vec<(AtomicU64, AtomicU64)>,
}

/// Sends no more.
pub(super) const STOP: u8 = 1;
/// Waits for no more.
pub(super) const BREAK_OFF: u8 = 2;

/// How the worker came to its end.
pub(super) struct Finished {
    pub(super) record: Record,
    pub(super) looks: u64,
    pub(super) looks_in_vain: u64,
    pub(super) has_offload: bool,
    /// Sends and looks that the far end refused.
    pub(super) refused: u64,
    /// Connections that the far end closed.
    pub(super) closed: u64,
}

pub(super) struct Worker<'a, T> {
    pub(super) number: usize,
    pub(super) transport: T,
    pub(super) ledgers: Vec<Ledger>,
    pub(super) desk: Desk,
    pub(super) load: Load,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) shared: &'a Shared,
}

/// What changes while a worker runs.
struct State {
    /// Flows that may send: with room in the window, or all of them with a schedule.
    ready: VecDeque<u32>,
    /// Flows with something under way, the one that waits longest first.
    active: VecDeque<u32>,
    flows: Vec<Flags>,
    now_ns: u64,
    is_measuring: bool,
    is_sending: bool,
    vain_in_a_row: u32,
    vain_since_ns: Option<u64>,
    looks: u64,
    looks_in_vain: u64,
    refused: u64,
    closed: u64,
    publish_at_ns: u64,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    is_ready: bool,
    is_active: bool,
    is_closed: bool,
}

impl<T: Transport> Worker<'_, T> {
    /// Runs until everything is sent and settled.
    pub(super) fn run(mut self) -> io::Result<Finished> {
        let count = self.ledgers.len();
        let mut state = State {
            ready: (0..count as u32).collect(),
            active: VecDeque::with_capacity(count),
            flows: vec![
                Flags {
                    is_ready: true,
                    ..Flags::default()
                };
                count
            ],
            now_ns: self.clock.now_ns(),
            is_measuring: false,
            is_sending: true,
            vain_in_a_row: 0,
            vain_since_ns: None,
            looks: 0,
            looks_in_vain: 0,
            refused: 0,
            closed: 0,
            publish_at_ns: 0,
        };
        loop {
            self.keep_time(&mut state);
            if state.is_sending {
                match self.load {
                    Load::Closed { window, .. } => self.fill_windows(window, &mut state)?,
                    Load::Open(_) => self.send_due(&mut state)?,
                }
            }
            if state.active.is_empty() {
                if !state.is_sending || state.flows.iter().all(|flow| flow.is_closed) {
                    break;
                }
                self.rest(&mut state);
                continue;
            }
            if self.shared.wish.load(Ordering::Relaxed) == BREAK_OFF {
                for ledger in &mut self.ledgers {
                    ledger.leave_pending(&mut self.desk);
                }
                break;
            }
            self.look(&mut state)?;
        }
        self.linger(&mut state)?;
        self.publish();
        Ok(Finished {
            has_offload: self.transport.has_offload(),
            record: self.desk.record,
            looks: state.looks,
            looks_in_vain: state.looks_in_vain,
            refused: state.refused,
            closed: state.closed,
        })
    }

    /// Takes what still comes of requests that are settled: duplicates and late answers.
    fn linger(&mut self, state: &mut State) -> io::Result<()> {
        let end = Instant::now() + LINGER;
        while self.shared.wish.load(Ordering::Relaxed) != BREAK_OFF {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            let open = (0..self.ledgers.len()).filter(|place| !state.flows[*place].is_closed);
            let open: Vec<usize> = open.collect();
            let mut poll = PollSet::default();
            for place in &open {
                poll.add(self.transport.sockets()[*place].as_fd(), true, false);
            }
            poll.wait(Some(rest))?;
            let ready: Vec<bool> = (0..open.len())
                .map(|entry| poll.ready(entry).to_read)
                .collect();
            drop(poll);
            for index in open
                .into_iter()
                .zip(ready)
                .filter_map(|(place, is_ready)| is_ready.then_some(place))
            {
                let ledger = &mut self.ledgers[index];
                match self
                    .transport
                    .receive(index, ledger, &mut self.desk, self.clock)
                {
                    Ok(Taken::At(_)) => {}
                    // A connection that ends now has done its work.
                    Ok(Taken::Closed) => state.flows[index].is_closed = true,
                    Err(error) => self.cannot(error, index, state)?,
                }
            }
        }
        Ok(())
    }

    /// Begins to measure and ends to send when it is time.
    fn keep_time(&mut self, state: &mut State) {
        // A schedule begins to measure and ends by itself, with its own requests.
        let is_open = matches!(self.load, Load::Open(_));
        if !is_open && !state.is_measuring && state.now_ns >= self.limits.measure_from_ns {
            self.begin_measuring(state);
        }
        state.is_sending = state.is_sending
            && (is_open || state.now_ns < self.limits.send_until_ns)
            && self.desk.record.counts.sent < self.limits.quota
            && self.shared.wish.load(Ordering::Relaxed) == 0;
        if state.now_ns >= state.publish_at_ns {
            state.publish_at_ns = state.now_ns + PUBLISH_NS;
            self.publish();
        }
    }

    fn begin_measuring(&mut self, state: &mut State) {
        state.is_measuring = true;
        for ledger in &mut self.ledgers {
            ledger.begin_measuring();
        }
    }

    fn publish(&self) {
        let counts = &self.desk.record.counts;
        if let Some((sent, ok)) = self.shared.progress.get(self.number) {
            sent.store(counts.sent, Ordering::Relaxed);
            ok.store(counts.ok, Ordering::Relaxed);
        }
    }

    fn most_to_send(&self, state: &State) -> u64 {
        let burst = self.limits.burst as u64;
        if state.is_measuring {
            burst.min(self.limits.quota - self.desk.record.counts.sent)
        } else {
            burst
        }
    }

    fn fill_windows(&mut self, window: u64, state: &mut State) -> io::Result<()> {
        while let Some(place) = state.ready.pop_front() {
            let index = place as usize;
            state.flows[index].is_ready = false;
            let room = window - self.ledgers[index].in_flight();
            let amount = room.min(self.most_to_send(state));
            if amount == 0 {
                // The quota is used up.
                return Ok(());
            }
            let taken = self.send(index, amount, state)?;
            if taken < amount {
                // The kernel is full: the flow goes on when answers come, or else in its turn.
                self.make_ready(index, state);
                return Ok(());
            }
            self.make_ready(index, state);
        }
        Ok(())
    }

    fn send_due(&mut self, state: &mut State) -> io::Result<()> {
        let Load::Open(pace) = self.load else {
            return Ok(());
        };
        state.now_ns = self.clock.now_ns();
        // The warm-up ends between two requests, however late they are sent.
        if !state.is_measuring && pace.intended_ns(0) >= self.limits.measure_from_ns {
            self.begin_measuring(state);
        }
        let end_ns = if state.is_measuring {
            self.limits.send_until_ns
        } else {
            self.limits.measure_from_ns
        };
        let most = self.most_to_send(state);
        let amount = pace.due(state.now_ns.min(end_ns - 1)).min(most);
        let is_over = state.now_ns >= end_ns;
        if is_over && state.is_measuring {
            // What was due just now still goes; what was due long ago never will.
            state.is_sending = amount > 0 && state.now_ns < end_ns + LAG_NS;
        }
        if amount == 0 || !state.is_sending || !is_over && amount < pace.bunch().min(most) {
            return Ok(());
        }
        let Some(place) = state.ready.pop_front() else {
            return Ok(());
        };
        state.ready.push_back(place);
        self.send(place as usize, amount, state)?;
        Ok(())
    }

    /// Sends up to `amount` texts of a flow; returns how many went.
    fn send(&mut self, index: usize, amount: u64, state: &mut State) -> io::Result<u64> {
        let ledger = &mut self.ledgers[index];
        let now_ns = self.clock.now_ns();
        let result = self
            .transport
            .send(index, ledger, amount as usize, &mut self.desk);
        let taken = match result {
            Ok(taken) => taken as u64,
            Err(error) => return self.cannot(error, index, state).map(|()| 0),
        };
        let intended_ns = |offset| match &self.load {
            Load::Open(pace) => pace.intended_ns(offset),
            Load::Closed { .. } => now_ns,
        };
        ledger.note_sent(taken, now_ns, intended_ns, &mut self.desk);
        if let Load::Open(pace) = &mut self.load {
            pace.advance(taken);
        }
        let flags = &mut state.flows[index];
        if taken > 0 && !flags.is_active {
            flags.is_active = true;
            state.active.push_back(index as u32);
        }
        Ok(taken)
    }

    /// Looks at the flow that waits longest.
    fn look(&mut self, state: &mut State) -> io::Result<()> {
        let Some(index) = state.active.front().map(|place| *place as usize) else {
            return Ok(());
        };
        state.looks += 1;
        let ledger = &mut self.ledgers[index];
        let taken = self
            .transport
            .receive(index, ledger, &mut self.desk, self.clock);
        match taken {
            Ok(Taken::At(now_ns)) => {
                state.now_ns = now_ns;
                state.vain_in_a_row = 0;
                state.vain_since_ns = None;
            }
            Ok(Taken::Closed) => self.close(index, state),
            Err(error) => {
                self.cannot(error, index, state)?;
                state.looks_in_vain += 1;
                state.vain_in_a_row += 1;
                if state.vain_in_a_row.is_multiple_of(LOOKS_PER_CLOCK) {
                    state.now_ns = self.clock.now_ns();
                    let since_ns = *state.vain_since_ns.get_or_insert(state.now_ns);
                    if u128::from(state.now_ns - since_ns) >= self.limits.spin.as_nanos() {
                        self.sleep(state)?;
                    }
                }
                if !state.vain_in_a_row.is_multiple_of(PATIENCE) {
                    return Ok(());
                }
            }
        }
        let ledger = &mut self.ledgers[index];
        let limit_ns = state.now_ns.saturating_sub(self.limits.timeout_ns);
        ledger.expire(limit_ns, &mut self.desk);
        state.active.pop_front();
        state.flows[index].is_active = ledger.outstanding() > 0;
        if state.flows[index].is_active {
            state.active.push_back(index as u32);
        }
        self.make_ready(index, state);
        Ok(())
    }

    /// Lets a flow send again if its window has the room, or its schedule demands it.
    fn make_ready(&self, index: usize, state: &mut State) {
        let has_room = match &self.load {
            Load::Closed { window, threshold } => {
                window - self.ledgers[index].in_flight() >= *threshold
            }
            Load::Open(_) => true,
        };
        let flags = &mut state.flows[index];
        if has_room && !flags.is_ready && !flags.is_closed {
            flags.is_ready = true;
            state.ready.push_back(index as u32);
        }
    }

    /// A call on a flow failed. What passes is passed over; what does not is handed back.
    fn cannot(&mut self, error: io::Error, index: usize, state: &mut State) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
            io::ErrorKind::ConnectionRefused => {
                state.refused += 1;
                let record = &self.desk.record;
                if record.counts.ok + record.warmup.ok == 0 {
                    return Err(error);
                }
            }
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => self.close(index, state),
            _ if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            _ => return Err(error),
        }
        Ok(())
    }

    /// The far end has closed the connection: what is under way on it is lost.
    fn close(&mut self, index: usize, state: &mut State) {
        if !state.flows[index].is_closed {
            state.flows[index].is_closed = true;
            state.closed += 1;
        }
        self.ledgers[index].give_up(&mut self.desk);
    }

    /// Nothing is under way: waits for the schedule, or until the kernel takes texts again.
    fn rest(&mut self, state: &mut State) {
        state.now_ns = self.clock.now_ns();
        let wait = match &self.load {
            Load::Open(pace) => {
                let wait = Duration::from_nanos(pace.intended_ns(0).saturating_sub(state.now_ns));
                if wait < self.limits.spin + SLEEP_SLACK {
                    return;
                }
                wait - SLEEP_SLACK
            }
            Load::Closed { .. } => Duration::from_millis(1),
        };
        std::thread::sleep(wait.min(LONGEST_SLEEP));
    }

    /// Nothing has come for long: sleeps until something does, or is due.
    fn sleep(&mut self, state: &mut State) -> io::Result<()> {
        let until_ns = self.ledgers.iter().filter_map(Ledger::oldest_ns).min();
        let mut wait = until_ns.map_or(LONGEST_SLEEP, |oldest_ns| {
            let until_ns = oldest_ns + self.limits.timeout_ns;
            LONGEST_SLEEP.min(Duration::from_nanos(until_ns.saturating_sub(state.now_ns)))
        });
        if let Load::Open(pace) = &self.load
            && state.is_sending
        {
            let due = Duration::from_nanos(pace.intended_ns(0).saturating_sub(state.now_ns));
            wait = wait.min(due.saturating_sub(SLEEP_SLACK));
        }
        if wait.is_zero() {
            return Ok(());
        }
        let mut poll = PollSet::default();
        for (place, socket) in self.transport.sockets().iter().enumerate() {
            if state.flows[place].is_active {
                poll.add(socket.as_fd(), true, self.transport.waits_for_room(place));
            }
        }
        poll.wait(Some(wait))?;
        state.now_ns = self.clock.now_ns();
        // Whoever is ready must be found, however many flows there are.
        state.vain_since_ns = Some(state.now_ns);
        Ok(())
    }
}
