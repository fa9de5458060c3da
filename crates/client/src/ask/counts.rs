//! The outcomes of requests and replies, in numbers that always sum.

use bullhorn_socket::PathOutcome;

/// How many requests and replies there were of each kind. A `ping` run calls its requests probes.
///
/// `sent = ok + corrupt + lost + pending` at any moment. `refused`, `rejected`, `unreachable`,
/// `too_big` and `unsent` are part of `lost`; `duplicate`, `reordered`, `late`, `wrong` and `stray` count replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that were due, whether the kernel took them or not.
    pub sent: u64,
    /// Requests with the right reply in time.
    pub ok: u64,
    /// Requests with a wrong reply in time.
    pub corrupt: u64,
    /// Requests without a reply in time.
    pub lost: u64,
    /// Requests that may still be answered in time, or were when the run was cut short.
    pub pending: u64,
    /// Of the lost: those that the target itself refused.
    pub refused: u64,
    /// Of the lost: those that a firewall or router rejected.
    pub rejected: u64,
    /// Of the lost: those for which there was no route, host or neighbour, or which made too many
    /// hops.
    pub unreachable: u64,
    /// Of the lost: those that were too big for the path, before the kernel learned its MTU.
    pub too_big: u64,
    /// Of the lost: those that never left, as our own kernel or firewall did not let them.
    pub unsent: u64,
    /// Replies to requests that already had one.
    pub duplicate: u64,
    /// First replies that came after the reply to a later request of their flow (RFC 4737, section
    /// 3.3).
    pub reordered: u64,
    /// First replies to requests that already counted as lost.
    pub late: u64,
    /// Wrong replies of any kind: the corrupt, and those among the late and the duplicate.
    pub wrong: u64,
    /// Replies that match no request of this run.
    pub stray: u64,
}

impl Counts {
    /// Adds the counts of another run or worker.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.ok += other.ok;
        self.corrupt += other.corrupt;
        self.lost += other.lost;
        self.pending += other.pending;
        self.refused += other.refused;
        self.rejected += other.rejected;
        self.unreachable += other.unreachable;
        self.too_big += other.too_big;
        self.unsent += other.unsent;
        self.duplicate += other.duplicate;
        self.reordered += other.reordered;
        self.late += other.late;
        self.wrong += other.wrong;
        self.stray += other.stray;
    }

    /// Whether every request is counted under exactly one of `ok`, `corrupt`, `lost` and `pending`.
    pub fn is_balanced(&self) -> bool {
        self.sent == self.ok + self.corrupt + self.lost + self.pending
            && self.explained() <= self.lost
    }

    /// The lost requests about which nothing is known: nothing came back.
    pub fn silent(&self) -> u64 {
        self.lost.saturating_sub(self.explained())
    }

    /// The lost requests with a known reason.
    fn explained(&self) -> u64 {
        self.refused + self.rejected + self.unreachable + self.too_big + self.unsent
    }

    /// Adds a lost request under the reason that the path reported.
    pub(crate) fn explain(&mut self, outcome: PathOutcome) {
        *match outcome {
            PathOutcome::Refused => &mut self.refused,
            PathOutcome::Rejected => &mut self.rejected,
            PathOutcome::TooBig => &mut self.too_big,
            PathOutcome::Unsent => &mut self.unsent,
            _ => &mut self.unreachable,
        } += 1;
    }

    /// Lost requests as a share of the settled ones, from 0 to 1; `None` while none is settled.
    pub fn loss(&self) -> Option<f64> {
        let settled = self.ok + self.corrupt + self.lost;
        (settled > 0).then(|| self.lost as f64 / settled as f64)
    }
}
