//! A rate and the exact arithmetic of its steps.

/// The highest rate, in requests per second.
pub(super) const MAX_RATE: u32 = u32::MAX;

pub(super) const BILLION: u64 = 1_000_000_000;

/// Requests per second, in billionths. Every whole rate and every decimal of nine places is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) billionths: u64,
}

/// A time or a distance: `ns + part / rate.billionths` nanoseconds, the part below one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) ns: u64,
    part: u64,
}

impl Moment {
    pub(super) fn of_ns(ns: u64) -> Self {
        Self { ns, part: 0 }
    }
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
    pub(super) fn moment(self, index: u128) -> Moment {
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

    /// The sum of two moments. It saturates at the clock's end, which is never due.
    pub(super) fn add(self, moment: Moment, more: Moment) -> Moment {
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

    /// `moment` after this many intervals.
    pub(super) fn add_times(self, moment: Moment, interval: Moment, times: u64) -> Moment {
        let distance = u128::from(times).saturating_mul(self.parts(interval));
        self.moment_of_parts(self.parts(moment).saturating_add(distance))
    }

    /// How many of the moments `first`, `first + interval`, ... are before `end`.
    pub(super) fn steps_before(self, first: Moment, interval: Moment, end: Moment) -> u64 {
        let distance = self.parts(end).saturating_sub(self.parts(first));
        u64::try_from(distance.div_ceil(self.parts(interval))).unwrap_or(u64::MAX)
    }
}
