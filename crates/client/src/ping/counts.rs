//! What became of the probes, in numbers that always sum.

/// How many probes and answers there were of each kind.
///
/// `sent = ok + corrupt + lost + pending` at any moment. What stands beside that sum: `refused` and
/// `unsent` are part of `lost`; `duplicate`, `reordered`, `late`, `wrong` and
/// `stray` count answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Probes whose turn has come, whether the kernel took them or not.
    pub sent: u64,
    /// Probes with the right answer in time.
    pub ok: u64,
    /// Probes with a wrong answer in time.
    pub corrupt: u64,
    /// Probes without an answer in time.
    pub lost: u64,
    /// Probes that may still be answered in time.
    pub pending: u64,
    /// Of the lost: those that the far end refused.
    pub refused: u64,
    /// Of the lost: those that never left, as our own kernel did not take them.
    pub unsent: u64,
    /// Answers to probes that had one already.
    pub duplicate: u64,
    /// First answers that came after the answer to a later probe of their flow (RFC 4737, section
    /// 3.3).
    pub reordered: u64,
    /// First answers to probes that were lost by then.
    pub late: u64,
    /// Wrong answers of any kind: the corrupt, and those among the late and the duplicate.
    pub wrong: u64,
    /// Answers that belong to no probe of this run.
    pub stray: u64,
}

impl Counts {
    /// Whether every probe is under exactly one heading.
    pub fn is_balanced(&self) -> bool {
        self.sent == self.ok + self.corrupt + self.lost + self.pending
            && self.refused + self.unsent <= self.lost
    }

    /// Lost probes as a share of those that are settled, from 0 to 1; `None` while there are none.
    pub fn loss(&self) -> Option<f64> {
        let settled = self.ok + self.corrupt + self.lost;
        (settled > 0).then(|| self.lost as f64 / settled as f64)
    }
}

/// Why a probe has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// The time was up.
    Timeout,
    /// Nobody holds the endpoint: an ICMP port unreachable, or a connection refused.
    Refused,
    /// The connection ended before the answer.
    Closed,
    /// So many probes were under way that this one could be waited for no longer.
    Displaced,
    /// Our own kernel did not take it; its words.
    Unsent(String),
}

impl Loss {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Displaced => "displaced",
            Self::Unsent(_) => "unsent",
        }
    }
}
