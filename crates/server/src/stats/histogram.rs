//! A histogram of sizes: counts between powers of two.

use std::ops::AddAssign;

/// The number of finite bounds: 1, 2, 4 and so on to 65,536, which no datagram exceeds.
const BOUNDS: usize = 17;

/// A histogram of sizes with powers of two as bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The sum of all sizes.
    pub sum: u64,
    /// The last one counts what exceeds every bound.
    counts: [u64; BOUNDS + 1],
}

impl Histogram {
    /// The number of counts.
    pub(super) const COUNTS: usize = BOUNDS + 1;

    pub(super) fn new(counts: [u64; Self::COUNTS], sum: u64) -> Self {
        Self { sum, counts }
    }

    /// The index of the count that a size belongs to: the first whose bound it does not exceed.
    pub(super) fn index_of(size: usize) -> usize {
        let bits = usize::BITS - size.saturating_sub(1).leading_zeros();
        (bits as usize).min(BOUNDS)
    }

    /// The number of sizes counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each bound with the number of sizes up to it, to the bound `largest` or beyond all
    /// bounds.
    pub fn cumulative(&self, largest: u64) -> impl Iterator<Item = (u64, u64)> {
        let mut below = 0;
        self.counts[..BOUNDS]
            .iter()
            .enumerate()
            .map(move |(index, count)| {
                below += count;
                (1 << index, below)
            })
            .take_while(move |(bound, _)| *bound <= largest)
    }
}

impl AddAssign for Histogram {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_under_the_first_bound_that_it_does_not_exceed() {
        for (size, index) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 3),
            (64, 6),
            (65, 7),
            (65_536, 16),
            (65_537, 17),
            (usize::MAX, 17),
        ] {
            assert_eq!(Histogram::index_of(size), index, "{size}");
        }
    }

    #[test]
    fn counts_add_up_and_what_exceeds_every_bound_is_only_in_the_count() {
        let mut histogram = Histogram::default();
        for size in [1, 3, 4, 100_000] {
            histogram.sum += size as u64;
            histogram.counts[Histogram::index_of(size)] += 1;
        }
        let bounds: Vec<_> = histogram.cumulative(8).collect();
        assert_eq!(bounds, [(1, 1), (2, 1), (4, 3), (8, 3)]);
        assert_eq!(histogram.cumulative(u64::MAX).last(), Some((65_536, 3)));
        assert_eq!((histogram.count(), histogram.sum), (4, 100_008));
    }
}
