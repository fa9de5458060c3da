//! How an endpoint is probed.

use std::time::Duration;

use super::behaviour::Behaviour;
use bullhorn_socket::endpoint::FamilyFilter;

/// How an endpoint is probed. Start from [`Settings::default`] and set what differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// From one probe to the next.
    pub interval: Duration,
    /// The number of probes; `None` probes until stopped.
    pub count: Option<u64>,
    /// Stop after this long, even with probes outstanding. Resolving and connecting count.
    pub deadline: Option<Duration>,
    /// A probe without an answer after this long is lost.
    pub timeout: Duration,
    /// How long to wait for duplicates after the last probe is settled.
    pub linger: Duration,
    /// The length of each text in bytes, at least that of its token.
    pub size: usize,
    /// What the texts are filled with up to their size; `None` is the alphabet.
    pub filler: Option<Vec<u8>>,
    /// The number of flows, each with a source port of its own, which send in turn.
    pub flows: usize,
    /// Stop as soon as it is known whether the endpoint behaves like this.
    pub expect: Option<Behaviour>,
    /// Which addresses of a name may be used.
    pub family: FamilyFilter,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            count: None,
            deadline: None,
            timeout: Duration::from_secs(1),
            linger: Duration::from_millis(50),
            size: 64,
            filler: None,
            flows: 1,
            expect: None,
            family: FamilyFilter::All,
        }
    }
}

/// The number of probes without any sign of life that make a silence, when no count is set.
const PROBES_BEFORE_SILENCE: u64 = 3;

impl Settings {
    /// The number of probes of a run; `None` probes until stopped.
    pub(super) fn probe_count(&self) -> Option<u64> {
        self.count
            .or_else(|| self.expect.map(|_| PROBES_BEFORE_SILENCE))
    }
}
