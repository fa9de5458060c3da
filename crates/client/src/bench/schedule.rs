//! The schedule of an open loop: when each request is due, regardless of outstanding replies.
//!
//! The arithmetic is exact, in integers. A moment is whole nanoseconds and a fraction of one whose
//! denominator is the rate, so no error adds up, and [`Schedule::intended_ns`] is the only source of
//! times: due requests and intended times cannot disagree.

use std::iter;

use super::rate::{Moment, Rate};

/// At rates beyond what single datagrams reach, requests wait this long for others to share a
/// buffer with. The wait is part of their latency, which counts from the intended time.
const BUNCH_NS: u64 = 20_000;

/// The fewest requests in a bunch that are worth the wait.
const MIN_BUNCH: u64 = 4;

/// Equal steps up to an end. Of several workers, each has every `workers`-th step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    rate: Rate,
    next: Moment,
    interval: Moment,
    /// The steps from `next` to the end.
    left: u64,
    bunch: u64,
}

impl Schedule {
    /// The steps of worker `worker` of `workers`, which together make `rate` from `begin_ns` to the
    /// end of the clock. With `may_bunch`, requests may wait a little for others.
    pub(super) fn new(
        begin_ns: u64,
        rate: Rate,
        worker: usize,
        workers: usize,
        may_bunch: bool,
    ) -> Self {
        let interval = rate.moment(workers as u128);
        let bunch = BUNCH_NS / interval.ns.max(1);
        let mut schedule = Self {
            rate,
            next: rate.add(Moment::of_ns(begin_ns), rate.moment(worker as u128)),
            interval,
            left: 0,
            bunch: if may_bunch && bunch >= MIN_BUNCH {
                bunch
            } else {
                1
            },
        };
        schedule.end_at(u64::MAX);
        schedule
    }

    /// Ends the schedule before `end_ns`.
    pub(super) fn end_at(&mut self, end_ns: u64) {
        let end = Moment::of_ns(end_ns);
        self.left = self.rate.steps_before(self.next, self.interval, end);
    }

    /// How many requests the schedule still has, due or not.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// How many requests should be due before any is sent.
    pub(super) fn bunch(&self) -> u64 {
        self.bunch.min(self.left)
    }

    /// When each request is due, from the next one on.
    pub(super) fn intended_ns(&self) -> impl Iterator<Item = u64> + use<> {
        let Self { rate, interval, .. } = *self;
        iter::successors(Some(self.next), move |moment| {
            Some(rate.add(*moment, interval))
        })
        .map(|moment| moment.ns)
    }

    /// When the next request is due.
    pub(super) fn next_ns(&self) -> u64 {
        self.next.ns
    }

    /// How many requests are due at `now_ns` and not sent yet, counted up to `max`.
    pub(super) fn due(&self, now_ns: u64, max: u64) -> u64 {
        self.intended_ns()
            .take(max.min(self.left) as usize)
            .take_while(|intended_ns| *intended_ns <= now_ns)
            .count() as u64
    }

    /// The next `amount` requests were sent.
    pub(super) fn advance(&mut self, amount: u64) {
        for _ in 0..amount {
            self.next = self.rate.add(self.next, self.interval);
        }
        self.left -= amount;
    }

    /// Skips the requests up to the end; returns how many there were. The schedule continues from
    /// there once it has a new end.
    pub(super) fn skip_rest(&mut self) -> u64 {
        self.next = self.rate.add_times(self.next, self.interval, self.left);
        std::mem::take(&mut self.left)
    }
}

#[cfg(test)]
mod tests;
