//! The result of a run, and what it means.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::outage::Outages;
use crate::ask::counts::Counts;
use crate::ask::latency::LatencySummary;
use bullhorn_socket::endpoint::Endpoint;

/// Everything that is known of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The address that was probed.
    pub endpoint: Endpoint,
    /// When the first probe was due.
    pub start: Instant,
    /// Since then.
    pub elapsed: Duration,
    /// All flows together.
    pub counts: Counts,
    /// Round trips of the right answers in time.
    pub round_trips: Option<LatencySummary>,
    /// Interarrival jitter by RFC 3550, in nanoseconds.
    pub jitter_ns: Option<u64>,
    /// How late we were ourselves: from the intended to the actual time of each probe.
    pub send_lag: Option<LatencySummary>,
    /// Datagrams that our own kernel dropped, as our receive buffer was full.
    pub local_drops: u64,
    /// Gaps in the answers.
    pub outages: Outages,
    /// Texts sent from fresh source ports during outages; not among the probes.
    pub fresh_sent: u64,
    /// Right answers to them.
    pub fresh_answered: u64,
    /// Each flow by itself.
    pub flows: Vec<FlowSummary>,
}

/// One flow by itself.
#[derive(Clone, Debug)]
pub struct FlowSummary {
    /// Its counts.
    pub counts: Counts,
    /// Its round trips.
    pub round_trips: Option<LatencySummary>,
    /// Its jitter in nanoseconds.
    pub jitter_ns: Option<u64>,
}

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Behaviour {
    /// It answers, and rightly.
    Answer,
    /// It answers, and not in capitals.
    WrongAnswer,
    /// It refuses, or somebody on the way does.
    Refused,
    /// Nothing comes back.
    Silence,
}

impl Behaviour {
    /// Those that may be expected.
    pub const EXPECTED: [Self; 3] = [Self::Answer, Self::Refused, Self::Silence];

    /// The word that is typed and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::WrongAnswer => "wrong answer",
            Self::Refused => "refused",
            Self::Silence => "silence",
        }
    }

    /// What a single sign of life says, as far as there is one.
    pub(super) fn of(counts: &Counts) -> Option<Self> {
        if counts.wrong > 0 {
            Some(Self::WrongAnswer)
        } else if counts.ok + counts.late > 0 {
            Some(Self::Answer)
        } else if counts.refused > 0 {
            Some(Self::Refused)
        } else {
            None
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::EXPECTED
            .into_iter()
            .find(|behaviour| behaviour.name() == text)
            .ok_or_else(|| "it is one of answer, refused and silence".to_owned())
    }
}

impl Summary {
    /// How the endpoint behaved.
    pub fn behaviour(&self) -> Behaviour {
        Behaviour::of(&self.counts).unwrap_or(Behaviour::Silence)
    }

    /// Whether the endpoint behaved so. Probes that our own kernel did not take say nothing, and
    /// are no silence.
    pub fn is_as_expected(&self, expected: Behaviour) -> bool {
        let heard_nothing = self.behaviour() == Behaviour::Silence;
        let asked = self.counts.lost > self.counts.unsent;
        self.behaviour() == expected && (!heard_nothing || asked)
    }

    /// The exit code of a process that was to find out.
    pub fn exit_code(&self, expected: Option<Behaviour>) -> u8 {
        let counts = &self.counts;
        match (expected, self.behaviour()) {
            (Some(expected), _) if self.is_as_expected(expected) => 0,
            (_, Behaviour::WrongAnswer) => 3,
            (Some(_), Behaviour::Answer) => 1,
            (None, Behaviour::Answer) => u8::from(counts.lost > 0),
            (_, Behaviour::Refused) => 4,
            (_, Behaviour::Silence) if counts.unsent > 0 && counts.unsent == counts.lost => 7,
            (_, Behaviour::Silence) => 5,
        }
    }
}
