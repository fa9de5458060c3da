//! The schedule of an open loop: when each request is to be sent, whatever became of the others.

/// At rates beyond what single datagrams reach, requests wait this long for others to share a
/// buffer with. The wait is part of their latency, which counts from the intended time.
const BUNCH_NS: f64 = 20_000.0;

/// From so many requests in a bunch on it is worth the wait.
const LEAST_BUNCH: u64 = 4;

/// Equal steps from a begin. A worker of several has every `workers`-th step. Right to a nanosecond for
/// a hundred days, which is what an f64 can count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    first_ns: f64,
    interval_ns: f64,
    next: u64,
    bunch: u64,
}

impl Pace {
    /// The steps of worker `worker` of `workers`, which together make `rate` requests a second
    /// from `begin_ns` on. With `may_bunch`, requests may wait a little for others.
    pub(super) fn new(
        begin_ns: u64,
        rate: f64,
        worker: usize,
        workers: usize,
        may_bunch: bool,
    ) -> Self {
        let step_ns = 1e9 / rate;
        let bunch = (BUNCH_NS / (step_ns * workers as f64)) as u64;
        Self {
            first_ns: begin_ns as f64 + step_ns * worker as f64,
            interval_ns: step_ns * workers as f64,
            next: 0,
            bunch: if may_bunch && bunch >= LEAST_BUNCH {
                bunch
            } else {
                1
            },
        }
    }

    /// How many requests should be due before any is sent.
    pub(super) fn bunch(&self) -> u64 {
        self.bunch
    }

    /// How many requests should have been sent by `now_ns` and were not.
    pub(super) fn due(&self, now_ns: u64) -> u64 {
        let elapsed_ns = now_ns as f64 - self.first_ns;
        if elapsed_ns < 0.0 {
            return 0;
        }
        ((elapsed_ns / self.interval_ns) as u64 + 1).saturating_sub(self.next)
    }

    /// When the request `index` after the next one is to be sent.
    pub(super) fn intended_ns(&self, index: u64) -> u64 {
        (self.first_ns + (self.next + index) as f64 * self.interval_ns) as u64
    }

    /// The next `amount` requests were sent.
    pub(super) fn advance(&mut self, amount: u64) {
        self.next += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_due_early_and_everything_in_time(
            rate in 1.0f64..1e7, workers in 1usize..5, begin_ns in 1u64..1 << 40, seconds in 0.0f64..1e6,
        ) {
            let sent = (seconds * rate) as u64 / workers as u64;
            for worker in 0..workers {
                let mut pace = Pace::new(begin_ns, rate, worker, workers, false);
                pace.advance(sent);
                let next_ns = pace.intended_ns(0);
                // A nanosecond either way is rounding.
                prop_assert_eq!(pace.due(next_ns.saturating_sub(2)), 0);
                prop_assert!(pace.due(next_ns + 2) >= 1);
            }
        }

        #[test]
        fn workers_together_keep_the_rate(rate in 1u32..1_000_000, workers in 1usize..5, seconds in 1u64..100) {
            let due: u64 = (0..workers)
                .map(|worker| Pace::new(7, f64::from(rate), worker, workers, true).due(7 + seconds * 1_000_000_000))
                .sum();
            let wanted = seconds * u64::from(rate);
            prop_assert!(due.abs_diff(wanted) <= workers as u64, "{} and not {}", due, wanted);
        }
    }
}
