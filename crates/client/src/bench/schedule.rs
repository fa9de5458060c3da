//! The schedule of an open loop: when each request is due, regardless of outstanding replies.
//!
//! The arithmetic is exact, in integers. A moment is whole nanoseconds and a fraction of one whose
//! denominator is the rate, so no error adds up, and [`Schedule::intended_ns`] is the only source of
//! times: what is due is what it says, so the two cannot disagree.

use std::iter;

/// At rates beyond what single datagrams reach, requests wait this long for others to share a
/// buffer with. The wait is part of their latency, which counts from the intended time.
const BUNCH_NS: u64 = 20_000;

/// The fewest requests in a bunch that are worth the wait.
const MIN_BUNCH: u64 = 4;

/// The highest rate, in requests a second.
pub(super) const MAX_RATE: u32 = u32::MAX;

const BILLION: u64 = 1_000_000_000;

/// Requests a second, in billionths. Every whole rate and every decimal of nine places is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    billionths: u64,
}

impl Rate {
    /// `None` for a rate below a billionth, above [`MAX_RATE`], or that is not a number.
    pub(super) fn new(per_second: f64) -> Option<Self> {
        let billionths = (per_second * BILLION as f64).round();
        let max = f64::from(MAX_RATE) * BILLION as f64;
        (1.0..=max).contains(&billionths).then_some(Self {
            billionths: billionths as u64,
        })
    }

    /// When step `index` is due, counted from step 0.
    fn moment(self, index: u128) -> Moment {
        self.moment_of_parts(index * u128::from(BILLION) * u128::from(BILLION))
    }

    fn moment_of_parts(self, parts: u128) -> Moment {
        let rate = u128::from(self.billionths);
        Moment {
            ns: u64::try_from(parts / rate).unwrap_or(u64::MAX),
            part: (parts % rate) as u64,
        }
    }

    fn parts(self, moment: Moment) -> u128 {
        u128::from(moment.ns) * u128::from(self.billionths) + u128::from(moment.part)
    }

    /// The sum of two moments. What is beyond the clock's end stays there, and is never due.
    fn add(self, moment: Moment, more: Moment) -> Moment {
        let part = moment.part + more.part;
        let carry = part >= self.billionths;
        Moment {
            ns: moment
                .ns
                .saturating_add(more.ns)
                .saturating_add(u64::from(carry)),
            part: if carry { part - self.billionths } else { part },
        }
    }
}

/// A time or a distance: `ns + part / rate.billionths` nanoseconds, the part below one.
#[derive(Clone, Copy, Debug)]
struct Moment {
    ns: u64,
    part: u64,
}

/// Equal steps from a beginning. Of several workers, each has every `workers`-th step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    rate: Rate,
    next: Moment,
    interval: Moment,
    bunch: u64,
}

impl Schedule {
    /// The steps of worker `worker` of `workers`, which together make `rate` from `begin_ns` on.
    /// With `may_bunch`, requests may wait a little for others.
    pub(super) fn new(
        begin_ns: u64,
        rate: Rate,
        worker: usize,
        workers: usize,
        may_bunch: bool,
    ) -> Self {
        let begin = Moment {
            ns: begin_ns,
            part: 0,
        };
        let interval = rate.moment(workers as u128);
        let bunch = BUNCH_NS / interval.ns.max(1);
        Self {
            rate,
            next: rate.add(begin, rate.moment(worker as u128)),
            interval,
            bunch: if may_bunch && bunch >= MIN_BUNCH {
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

    /// When each request is to be sent, from the next one on.
    pub(super) fn intended_ns(&self) -> impl Iterator<Item = u64> + use<> {
        let Self { rate, interval, .. } = *self;
        iter::successors(Some(self.next), move |moment| {
            Some(rate.add(*moment, interval))
        })
        .map(|moment| moment.ns)
    }

    /// When the next request is to be sent.
    pub(super) fn next_ns(&self) -> u64 {
        self.next.ns
    }

    /// How many requests are due at `now_ns` and not sent yet, counted up to `most`.
    pub(super) fn due(&self, now_ns: u64, most: u64) -> u64 {
        self.intended_ns()
            .take(most as usize)
            .take_while(|intended_ns| *intended_ns <= now_ns)
            .count() as u64
    }

    /// The next `amount` requests were sent.
    pub(super) fn advance(&mut self, amount: u64) {
        for _ in 0..amount {
            self.next = self.rate.add(self.next, self.interval);
        }
    }

    /// Skips what is due before `begin_ns`; returns how many requests that are.
    pub(super) fn skip_to(&mut self, begin_ns: u64) -> u64 {
        let Self { rate, interval, .. } = *self;
        let begin = rate.parts(Moment {
            ns: begin_ns,
            part: 0,
        });
        let next = rate.parts(self.next);
        let skipped = begin.saturating_sub(next).div_ceil(rate.parts(interval));
        self.next = rate.moment_of_parts(next + skipped * rate.parts(interval));
        u64::try_from(skipped).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// When step `index` of all workers is due, in one division.
    fn naive_ns(begin_ns: u64, rate: Rate, index: u64) -> u64 {
        let parts = u128::from(index) * 1_000_000_000_000_000_000;
        begin_ns + (parts / u128::from(rate.billionths)) as u64
    }

    /// Looks at the clock a nanosecond before and at each step, and sends what is due.
    fn assert_is_as_naive(begin_ns: u64, rate: Rate, worker: usize, workers: usize, steps: u64) {
        let mut schedule = Schedule::new(begin_ns, rate, worker, workers, false);
        for step in 0..steps {
            let intended_ns = naive_ns(begin_ns, rate, step * workers as u64 + worker as u64);
            assert_eq!(schedule.next_ns(), intended_ns, "{rate:?}, step {step}");
            assert_eq!(
                schedule.due(intended_ns - 1, 64),
                0,
                "{rate:?}, step {step}"
            );
            assert!(schedule.due(intended_ns, 64) >= 1, "{rate:?}, step {step}");
            schedule.advance(1);
        }
    }

    #[test]
    fn every_whole_rate_up_to_20_000_is_as_a_naive_model_says() {
        for rate in 1..=20_000u32 {
            let rate = Rate::new(f64::from(rate)).unwrap();
            assert_eq!(rate.billionths % BILLION, 0);
            assert_is_as_naive(7, rate, 0, 1, 40);
            // Around the end of a warm-up of a second, which is a step of every whole rate.
            let mut schedule = Schedule::new(7, rate, 0, 1, false);
            let skipped = schedule.skip_to(7 + BILLION);
            assert_eq!(skipped, rate.billionths / BILLION);
            assert_eq!(schedule.next_ns(), 7 + BILLION);
            assert_eq!(schedule.due(7 + BILLION - 1, 64), 0);
            assert_eq!(schedule.due(7 + BILLION, 64), 1);
        }
    }

    #[test]
    fn a_second_has_as_many_steps_as_its_rate_says() {
        for rate in [1u32, 29, 450, 900, 1900, 20_000] {
            for workers in 1..5 {
                let due = |worker| {
                    let rate = Rate::new(f64::from(rate)).unwrap();
                    Schedule::new(7, rate, worker, workers, true).due(7 + BILLION - 1, u64::MAX)
                };
                assert_eq!((0..workers).map(due).sum::<u64>(), u64::from(rate));
            }
        }
    }

    #[test]
    fn a_rate_that_no_clock_can_keep_is_refused_and_the_slowest_is_never_due_again() {
        for rate in [0.0, -1.0, 1e-10, 4_294_967_296.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Rate::new(rate), None, "{rate}");
        }
        let slowest = Rate::new(1e-9).unwrap();
        let mut schedule = Schedule::new(1, slowest, 0, 1024, true);
        assert_eq!(schedule.due(1, 64), 1);
        schedule.advance(1);
        assert_eq!(schedule.due(u64::MAX - 1, 64), 0);
        assert_eq!(schedule.skip_to(u64::MAX - 1), 0);
    }

    fn rates() -> impl Strategy<Value = Rate> {
        prop_oneof![
            (1e-3f64..1e3).prop_map(|rate| Rate::new(rate).unwrap()),
            (1f64..4e9).prop_map(|rate| Rate::new(rate).unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn nothing_is_due_early_or_late(
            rate in rates(), workers in 1usize..5, begin_ns in 1u64..1 << 40, seconds in 0u64..1_000_000,
        ) {
            for worker in 0..workers {
                let mut schedule = Schedule::new(begin_ns, rate, worker, workers, false);
                assert_is_as_naive(begin_ns, rate, worker, workers, 30);
                let from_ns = begin_ns + seconds * BILLION;
                let skipped = schedule.skip_to(from_ns);
                for (offset, intended_ns) in schedule.intended_ns().take(30).enumerate() {
                    let index = (skipped + offset as u64) * workers as u64 + worker as u64;
                    prop_assert_eq!(intended_ns, naive_ns(begin_ns, rate, index));
                }
                prop_assert!(schedule.next_ns() >= from_ns);
                if let Some(last) = skipped.checked_sub(1) {
                    let index = last * workers as u64 + worker as u64;
                    prop_assert!(naive_ns(begin_ns, rate, index) < from_ns);
                }
            }
        }

        #[test]
        fn what_is_due_is_what_the_schedule_says(
            rate in rates(), workers in 1usize..5, later_ns in 0u64..1_000_000_000, most in 0u64..200,
        ) {
            let schedule = Schedule::new(7, rate, workers - 1, workers, false);
            let first = (0..).map(|step| naive_ns(7, rate, (step + 1) * workers as u64 - 1));
            let due = first.take(most as usize).filter(|intended_ns| *intended_ns <= 7 + later_ns).count();
            prop_assert_eq!(schedule.due(7 + later_ns, most), due as u64);
        }
    }
}
