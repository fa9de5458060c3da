//! Sending: which flow may send, how much at once, and until when. When a request is due is decided
//! in `schedule`.

use std::io;
use std::time::Duration;

use super::flows::Flows;
use super::limits::Limits;
use super::waiting::{MAX_SLEEP, SLEEP_SLACK};
use crate::bench::observer::Control;
use crate::bench::schedule::Schedule;
use crate::bench::shared::Shared;
use crate::bench::transport::Transport;

/// After this many flows the clock is read and a stop is noticed, however many more are ready.
const FLOWS_PER_CLOCK: usize = 64;

/// How long after its end a schedule may send a backlog of any length.
const MAX_LAG_NS: u64 = 20_000_000;

/// The longest backlog that is sent regardless of the delay, as long as the kernel takes it. It
/// covers a worker that was delayed at the end, but not a rate that is too high.
const MAX_LATE_REQUESTS: u64 = 4096;

/// How long a closed loop waits for a kernel that takes no texts while none is outstanding.
const FULL_KERNEL_WAIT: Duration = Duration::from_millis(1);

/// When requests are sent.
pub(in crate::bench) enum Load {
    /// Whenever at least `threshold` of the window is free.
    Closed { window: u64, threshold: u64 },
    /// According to a schedule.
    Open(Schedule),
}

pub(super) struct Sender<'a> {
    load: Load,
    limits: Limits,
    shared: &'a Shared,
    is_measuring: bool,
    is_sending: bool,
}

impl<'a> Sender<'a> {
    pub(super) fn new(mut load: Load, limits: Limits, shared: &'a Shared) -> Self {
        if let Load::Open(schedule) = &mut load {
            schedule.end_at(limits.measure_from_ns);
        }
        Self {
            load,
            limits,
            shared,
            is_measuring: false,
            is_sending: true,
        }
    }

    pub(super) fn is_sending(&self) -> bool {
        self.is_sending
    }

    /// When the next request is due, if there is a schedule that has not ended.
    pub(super) fn next_due_ns(&self) -> Option<u64> {
        match &self.load {
            Load::Open(schedule) if self.is_sending => Some(schedule.next_ns()),
            _ => None,
        }
    }

    /// Starts measuring and ends sending when it is time.
    pub(super) fn update<T: Transport>(&mut self, flows: &mut Flows<T>) {
        let now_ns = flows.now_ns;
        if !self.is_measuring && now_ns >= self.limits.measure_from_ns {
            self.is_measuring = true;
            flows.begin_measuring();
            if let Load::Open(schedule) = &mut self.load {
                // The measured time does not make up for what the warm-up could not send.
                flows.books.record.warmup_skipped += schedule.skip_rest();
                schedule.end_at(self.limits.send_until_ns);
            }
        }
        let is_due = match &self.load {
            Load::Closed { .. } => now_ns < self.limits.send_until_ns,
            Load::Open(_) if !self.is_measuring => true,
            Load::Open(schedule) if self.is_late(now_ns) => {
                (1..=MAX_LATE_REQUESTS).contains(&schedule.left())
            }
            Load::Open(schedule) => schedule.left() > 0,
        };
        self.is_sending = self.is_sending
            && is_due
            && flows.books.record.counts.sent < self.limits.max_requests
            && self.shared.control() == Control::Continue;
    }

    fn is_late(&self, now_ns: u64) -> bool {
        now_ns >= self.limits.send_until_ns + MAX_LAG_NS
    }

    /// Sends what may be sent now.
    pub(super) fn send<T: Transport>(&mut self, flows: &mut Flows<T>) -> io::Result<()> {
        match self.load {
            Load::Closed { window, .. } => self.fill_windows(window, flows),
            Load::Open(_) => self.send_due(flows),
        }
    }

    fn fill_windows<T: Transport>(&mut self, window: u64, flows: &mut Flows<T>) -> io::Result<()> {
        for turn in 1.. {
            if turn % FLOWS_PER_CLOCK == 0 {
                flows.read_clock();
                self.update(flows);
                if !self.is_sending {
                    break;
                }
            }
            let Some(index) = flows.queues.pop_ready() else {
                break;
            };
            let room = window - flows.ledgers[index].in_flight();
            let amount = room.min(self.max_amount(flows));
            if amount == 0 {
                // The quota is used up.
                break;
            }
            let sent = flows.send(index, amount, None)?;
            self.make_ready(flows, index);
            if sent < amount {
                // The kernel's buffer is full: the flow continues after a reply, or else in its
                // turn.
                break;
            }
        }
        Ok(())
    }

    fn send_due<T: Transport>(&mut self, flows: &mut Flows<T>) -> io::Result<()> {
        let now_ns = flows.read_clock();
        let max = self.max_amount(flows);
        let is_late = self.is_late(now_ns);
        let Load::Open(schedule) = &mut self.load else {
            return Ok(());
        };
        let amount = schedule.due(now_ns, max);
        if amount == 0 || amount < schedule.bunch().min(max) {
            return Ok(());
        }
        let Some(index) = flows.queues.pop_ready() else {
            return Ok(());
        };
        flows.queues.push_ready(index);
        if !flows.queues.is_closed(index) {
            let sent = flows.send(index, amount, Some(schedule))?;
            self.is_sending = !is_late || sent == amount;
        }
        Ok(())
    }

    fn max_amount<T>(&self, flows: &Flows<T>) -> u64 {
        if self.is_measuring {
            let sent = flows.books.record.counts.sent;
            self.limits.burst.min(self.limits.max_requests - sent)
        } else {
            self.limits.burst
        }
    }

    /// Lets a flow send again if its window has enough room; with a schedule, always.
    pub(super) fn make_ready<T>(&self, flows: &mut Flows<T>, index: usize) {
        let has_room = match &self.load {
            Load::Closed { window, threshold } => {
                window - flows.ledgers[index].in_flight() >= *threshold
            }
            Load::Open(_) => true,
        };
        if has_room {
            flows.queues.push_ready(index);
        }
    }

    /// Nothing is outstanding: sleeps until shortly before the next request is due, or until the
    /// kernel may take texts again.
    pub(super) fn wait_for_schedule<T: Transport>(&self, flows: &mut Flows<T>) {
        let now_ns = flows.read_clock();
        let wait = self.next_due_ns().map_or(FULL_KERNEL_WAIT, |due_ns| {
            Duration::from_nanos(due_ns.saturating_sub(now_ns))
        });
        match &self.load {
            Load::Open(_) if wait < self.limits.spin + SLEEP_SLACK => {}
            Load::Open(_) => std::thread::sleep((wait - SLEEP_SLACK).min(MAX_SLEEP)),
            Load::Closed { .. } => std::thread::sleep(wait),
        }
    }
}
