//! What the simulated bad network did.

use std::ops::AddAssign;

/// What the simulated bad network did to the answers, each counted when it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImpairTotals {
    /// Answers not sent. They are among the dropped.
    pub lost: u64,
    /// Answers sent a second time. The second copies are not among the answered.
    pub duplicated: u64,
    /// Answers sent after a later answer of their flow.
    pub reordered: u64,
    /// Answers sent with a changed bit.
    pub corrupted: u64,
    /// Answers that had to wait before they were sent.
    pub delayed: u64,
}

impl ImpairTotals {
    pub(super) const NAMES: [&str; 5] = ["lost", "duplicated", "reordered", "corrupted", "delayed"];

    /// Each with its name in JSON, metrics and totals.
    pub fn named(&self) -> [(&'static str, u64); 5] {
        let counts = [
            self.lost,
            self.duplicated,
            self.reordered,
            self.corrupted,
            self.delayed,
        ];
        std::array::from_fn(|index| (Self::NAMES[index], counts[index]))
    }

    /// The reverse of [`named`](Self::named).
    pub(super) fn from_counts([lost, duplicated, reordered, corrupted, delayed]: [u64; 5]) -> Self {
        Self {
            lost,
            duplicated,
            reordered,
            corrupted,
            delayed,
        }
    }
}

impl AddAssign for ImpairTotals {
    fn add_assign(&mut self, other: Self) {
        *self = Self::from_counts(std::array::from_fn(|index| {
            self.named()[index].1 + other.named()[index].1
        }));
    }
}
