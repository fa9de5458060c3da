//! Why a flow has no answers, concluded from fresh source ports.

use std::fmt;
use std::time::Duration;

/// Why a flow has no answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlowProblem {
    /// Something on the path holds state for this flow that no longer leads to the endpoint: every
    /// fresh source port gets answers, and the flow got some before.
    StaleState,
    /// One of several paths or backends is dead, and the flow is on it: some source ports get
    /// answers.
    DeadLeg,
    /// What the connection sends is acknowledged and not answered, while new connections are.
    Unresponsive,
    /// No source port gets an answer.
    Down,
}

/// What is known about a flow without answers and the fresh source ports beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowEvidence {
    /// Fresh source ports that sent texts.
    pub(crate) tried: usize,
    /// Those that got the right answer.
    pub(crate) answered: usize,
    /// The flow got right answers earlier.
    pub(crate) has_worked: bool,
    /// It is a connection, and the peer has acknowledged all that was sent.
    pub(crate) is_acknowledged: bool,
}

/// Why a flow has no answers, and how many fresh source ports got some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowDiagnosis {
    /// Why.
    pub problem: FlowProblem,
    /// The number of fresh source ports that sent texts.
    pub tried: usize,
    /// The number of those that got the right answer.
    pub answered: usize,
    /// The shortest round trip of those.
    pub round_trip: Option<Duration>,
}

impl FlowDiagnosis {
    pub(crate) fn new(evidence: FlowEvidence, round_trip: Option<Duration>) -> Self {
        Self {
            problem: FlowProblem::of(evidence),
            tried: evidence.tried,
            answered: evidence.answered,
            round_trip,
        }
    }
}

impl FlowProblem {
    fn of(evidence: FlowEvidence) -> Self {
        let FlowEvidence {
            tried,
            answered,
            has_worked,
            is_acknowledged,
        } = evidence;
        match answered {
            0 => Self::Down,
            _ if answered < tried => Self::DeadLeg,
            _ if is_acknowledged => Self::Unresponsive,
            // One dead leg of many is rarely met by the fresh ports, and a flow that never worked
            // may have been on it from the start.
            _ if !has_worked => Self::DeadLeg,
            _ => Self::StaleState,
        }
    }

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::StaleState => "stale_flow",
            Self::DeadLeg => "dead_leg",
            Self::Unresponsive => "unresponsive",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for FlowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaleState => "stale flow state on the path (NAT or conntrack) likely",
            Self::DeadLeg => "a dead leg of the path (ECMP) or a dead backend of a load balancer",
            Self::Unresponsive => {
                "the old connection is acknowledged but not answered: a stuck server, or a proxy that \
                 lost its backend"
            }
            Self::Down => "the endpoint or the path to it is down or blocked",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_answered_ports_distinguishes_the_problems() {
        use FlowProblem::{DeadLeg, Down, StaleState, Unresponsive};
        for (answered, has_worked, is_acknowledged, problem) in [
            (0, true, false, Down),
            (0, true, true, Down),
            (0, false, false, Down),
            (1, true, false, DeadLeg),
            (4, true, true, DeadLeg),
            (7, false, false, DeadLeg),
            (8, true, false, StaleState),
            (8, false, false, DeadLeg),
            (8, true, true, Unresponsive),
        ] {
            let evidence = FlowEvidence {
                tried: 8,
                answered,
                has_worked,
                is_acknowledged,
            };
            assert_eq!(FlowProblem::of(evidence), problem, "{evidence:?}");
        }
    }
}
