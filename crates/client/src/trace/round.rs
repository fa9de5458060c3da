//! One round: a probe for each TTL from 1 up to the end of the path.

use std::time::{Duration, Instant};

use super::reply::Reply;

/// Between two probes of a round. A path is mostly shorter than the probes that have left by the
/// time its end replies.
const GAP: Duration = Duration::from_millis(10);

/// How long a round waits when nothing at all comes back. The kernel asks three times, a second
/// apart, before it reports that no neighbour answers (`mcast_solicit` and `retrans_time` in arp(7)).
const NEIGHBOUR_TIMEOUT: Duration = Duration::from_millis(3500);

/// The numbers of a round's probes are its base plus their TTL.
pub(super) const NUMBERS_PER_ROUND: u64 = 256;

/// A round and what has come back so far.
#[derive(Debug)]
pub(super) struct Round {
    base: u64,
    limit: u8,
    timeout: Duration,
    /// By TTL, from 1.
    probes: Vec<Probe>,
    /// One probe at a time, as what comes back does not tell of which it is.
    is_serial: bool,
    /// When the first probe is due; `None` is at once.
    begin: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) sent: Instant,
    pub(super) reply: Option<(Reply, Duration)>,
}

impl Round {
    /// With TTLs up to `limit`.
    pub(super) fn new(base: u64, limit: u8, timeout: Duration) -> Self {
        Self {
            base,
            limit,
            timeout,
            probes: Vec::new(),
            is_serial: false,
            begin: None,
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Begins again, with one probe in flight at a time, once nothing more comes back for the
    /// probes sent so far.
    fn restart_serially(&mut self) {
        self.is_serial = true;
        self.begin = self.probes.last().map(|last| last.sent + self.timeout);
        self.probes.clear();
    }

    /// The TTL of the probe for which something came back that does not name it. Where several are
    /// possible the round begins again.
    pub(super) fn ttl_of_unnamed(&mut self) -> Option<u8> {
        let mut outstanding = self.outstanding();
        let only = (outstanding.next(), outstanding.next());
        drop(outstanding);
        match only {
            (only, None) => only,
            // The last one sent; the others are overdue.
            (Some(_), Some(_)) if self.is_serial => self.ttl_of(self.last_number()),
            (_, Some(_)) => {
                self.restart_serially();
                None
            }
        }
    }

    pub(super) fn number_of(&self, ttl: u8) -> u64 {
        self.base + u64::from(ttl)
    }

    /// The highest number of any probe up to now.
    pub(super) fn last_number(&self) -> u64 {
        self.base + self.probes.len() as u64
    }

    /// The TTL of a probe of this round.
    pub(super) fn ttl_of(&self, number: u64) -> Option<u8> {
        let ttl = number.checked_sub(self.base)?;
        let is_sent = (1..=self.probes.len() as u64).contains(&ttl);
        is_sent.then_some(ttl as u8)
    }

    /// The TTLs for which nothing has come back, lowest first.
    pub(super) fn outstanding(&self) -> impl Iterator<Item = u8> {
        let probes = self.probes.iter().enumerate();
        let outstanding = probes.filter(|(_, probe)| probe.reply.is_none());
        outstanding.map(|(index, _)| index as u8 + 1)
    }

    /// The TTL of the next probe, and when it is due; `None` when all have been sent.
    pub(super) fn next(&self, now: Instant) -> Option<(u8, Instant)> {
        let ttl = u8::try_from(self.probes.len() + 1).ok()?;
        let due = match self.probes.last() {
            None => self.begin.unwrap_or(now),
            Some(last) if self.is_serial && last.reply.is_none() => last.sent + self.timeout,
            Some(last) if self.is_serial => last.sent,
            Some(last) => last.sent + GAP,
        };
        (ttl <= self.limit).then_some((ttl, due))
    }

    pub(super) fn note_sent(&mut self, now: Instant) {
        self.probes.push(Probe {
            sent: now,
            reply: None,
        });
    }

    /// The first reply counts, if it is in time or this machine's own. The path has no more hops than to a final one.
    pub(super) fn note_reply(&mut self, ttl: u8, reply: Reply, now: Instant) {
        let Some(probe) = self.probes.get_mut(usize::from(ttl).wrapping_sub(1)) else {
            return;
        };
        let round_trip = now.saturating_duration_since(probe.sent);
        if probe.reply.is_none() && (round_trip <= self.timeout || reply.is_ours()) {
            probe.reply = Some((reply, round_trip));
            if reply.is_final() {
                self.limit = self.limit.min(ttl);
            }
        }
    }

    /// When the last probe that is waited for is lost; `None` when the round is complete.
    pub(super) fn complete_at(&self, now: Instant) -> Option<Instant> {
        let within = self.within_limit();
        let waiting = within.filter(|probe| probe.reply.is_none());
        let overdue_at = waiting.map(|probe| probe.sent + self.timeout).max()?;
        let complete_at = match self.probes.first() {
            Some(first) if self.probes.iter().all(|probe| probe.reply.is_none()) => {
                overdue_at.max(first.sent + NEIGHBOUR_TIMEOUT)
            }
            _ => overdue_at,
        };
        Some(complete_at).filter(|at| *at > now)
    }

    /// When the latest probe is lost.
    pub(super) fn latest_overdue_at(&self, now: Instant) -> Option<Instant> {
        match self.probes.len() < usize::from(self.limit) {
            true => self.probes.last().map(|probe| probe.sent + self.timeout),
            false => self.complete_at(now),
        }
    }

    /// The probes up to the end of the path, by TTL.
    pub(super) fn within_limit(&self) -> impl Iterator<Item = &Probe> {
        self.probes.iter().take(usize::from(self.limit))
    }

    /// Whether the last hop of the path so far only passed the probe on.
    pub(super) fn has_passed_limit(&self) -> bool {
        let last = self.probes.get(usize::from(self.limit) - 1);
        let reply = last.and_then(|probe| probe.reply);
        reply.is_some_and(|(reply, _)| reply.is_time_exceeded())
    }

    /// The TTL and the reply at which the path ended.
    pub(super) fn end(&self) -> Option<(u8, Reply)> {
        let mut probes = self.within_limit().zip(1..);
        probes.find_map(|(probe, ttl)| {
            let (reply, _) = probe.reply?;
            reply.is_final().then_some((ttl, reply))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn round() -> Round {
        Round::new(NUMBERS_PER_ROUND, 30, TIMEOUT)
    }

    /// Sends every probe that is due at `now`, and returns when the next one is.
    fn send_due(round: &mut Round, now: Instant) -> Option<Instant> {
        while let Some((_, due)) = round.next(now) {
            if due > now {
                return Some(due);
            }
            round.note_sent(now);
        }
        None
    }

    #[test]
    fn probes_leave_with_a_gap_until_one_reaches_the_end() {
        let (mut round, begin) = (round(), Instant::now());
        let mut now = begin;
        for _ in 0..5 {
            now = send_due(&mut round, now).unwrap();
        }
        assert_eq!(now, begin + 5 * GAP);
        assert_eq!(round.last_number(), NUMBERS_PER_ROUND + 5);
        // The later ones were on their way to the same end.
        for ttl in [4, 3, 5] {
            round.note_reply(ttl, Reply::Answer, now);
        }
        assert_eq!(round.end(), Some((3, Reply::Answer)));
        assert_eq!(send_due(&mut round, now + GAP), None);
        // The first and the second are lost after their timeouts, not before.
        assert_eq!(round.complete_at(now), Some(begin + GAP + TIMEOUT));
        assert_eq!(round.complete_at(begin + GAP + TIMEOUT), None);
        assert_eq!(round.within_limit().count(), 3);
    }

    #[test]
    fn only_the_first_reply_in_time_counts() {
        let (mut round, begin) = (round(), Instant::now());
        round.note_sent(begin);
        round.note_sent(begin);
        round.note_reply(1, Reply::NoAnswer, begin + TIMEOUT);
        round.note_reply(1, Reply::Answer, begin + TIMEOUT);
        round.note_reply(2, Reply::Answer, begin + TIMEOUT + GAP);
        assert_eq!(round.end(), Some((1, Reply::NoAnswer)));
        assert_eq!(round.outstanding().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_serial_round_waits_for_each_reply_or_its_timeout() {
        let (mut round, begin) = (round(), Instant::now());
        round.note_sent(begin);
        round.note_sent(begin);
        // Which of the two probes it is about is unknown.
        assert_eq!(round.ttl_of_unnamed(), None);
        let begin = begin + TIMEOUT;
        assert_eq!(round.next(begin - GAP), Some((1, begin)));
        assert_eq!(send_due(&mut round, begin), Some(begin + TIMEOUT));
        assert_eq!(round.outstanding().collect::<Vec<_>>(), [1]);
        round.note_reply(1, Reply::Answer, begin + GAP);
        assert_eq!(round.next(begin), None);
        assert_eq!(round.complete_at(begin), None);
    }

    #[test]
    fn without_any_reply_a_round_waits_for_the_report_about_a_missing_neighbour() {
        let begin = Instant::now();
        let mut round = Round::new(0, 2, TIMEOUT);
        round.note_sent(begin);
        assert_eq!(round.latest_overdue_at(begin), Some(begin + TIMEOUT));
        round.note_sent(begin);
        let end = begin + NEIGHBOUR_TIMEOUT;
        assert_eq!(round.complete_at(begin), Some(end));
        assert_eq!(round.latest_overdue_at(begin), Some(end));
        let error = std::io::Error::from_raw_os_error(libc::EHOSTUNREACH);
        let report = Reply::Report(bullhorn_socket::PathError::of(&error).unwrap());
        assert!(report.is_ours());
        let answer = begin + TIMEOUT + GAP;
        round.note_reply(2, Reply::Answer, answer);
        assert_eq!(round.end(), None, "too late");
        round.note_reply(1, report, answer);
        assert_eq!(round.end(), Some((1, report)));
        assert_eq!(round.complete_at(answer), None);
    }

    #[test]
    fn numbers_belong_to_their_round() {
        let (mut round, begin) = (round(), Instant::now());
        round.note_sent(begin);
        assert_eq!(round.ttl_of(round.number_of(1)), Some(1));
        for number in [0, 1, NUMBERS_PER_ROUND, NUMBERS_PER_ROUND + 2] {
            assert_eq!(round.ttl_of(number), None, "{number}");
        }
    }
}
