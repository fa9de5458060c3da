//! How an endpoint is probed.

use std::time::Duration;

use super::behaviour::Behaviour;
use super::text::check_texts;
use bullhorn_socket::ConnectOptions;
use bullhorn_socket::endpoint::{Endpoint, FamilyFilter, SocketType};
use bullhorn_socket::error::{Error, Result};

/// How an endpoint is probed. Start from [`Settings::default`] and set what differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// From one probe to the next. At least 2.5 s where something else than an answer is expected.
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
    /// The number of flows, each with its own source port, which send in turn.
    pub flows: usize,
    /// Whether each probe has its own connection. Only streams have connections.
    pub reconnects: bool,
    /// Stop as soon as it is known whether the endpoint behaves like this one.
    pub expect: Option<Behaviour>,
    /// Which addresses of a name may be used.
    pub family: FamilyFilter,
    /// How packets leave this machine. A source port is for one flow.
    pub connect: ConnectOptions,
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
            reconnects: false,
            expect: None,
            family: FamilyFilter::All,
            connect: ConnectOptions::default(),
        }
    }
}

/// The maximum number of flows of a target: each takes a descriptor and a quarter of a megabyte.
const MAX_FLOWS: usize = 1024;

/// The maximum length of a text times the number of flows, in bytes: a flow may hold a text and its
/// answer.
const MAX_TEXT_BYTES: usize = 1 << 30;

/// The number of probes without any reply or refusal that make a silence, when no count is set.
const PROBES_BEFORE_SILENCE: u64 = 3;

/// The least time between the probes of a silence. Kernels limit the rate of ICMP errors (in Linux
/// one per second and peer; icmp_ratelimit in ip-sysctl), so that of faster probes some would seem
/// silent where others are refused.
const SILENCE_INTERVAL: Duration = Duration::from_millis(2500);

impl Settings {
    /// From one probe to the next. What is not an answer takes slower probes to tell apart.
    pub(super) fn probe_interval(&self) -> Duration {
        match self.expect {
            None | Some(Behaviour::Answer) => self.interval,
            Some(_) => self.interval.max(SILENCE_INTERVAL),
        }
    }

    /// The number of probes of a run; `None` probes until stopped.
    pub(super) fn probe_count(&self) -> Option<u64> {
        self.count
            .or_else(|| self.expect.map(|_| PROBES_BEFORE_SILENCE))
    }

    /// # Errors
    /// [`Error::InvalidSettings`] for a setting that cannot be used, or not with `endpoint`.
    pub(super) fn check(&self, endpoint: &Endpoint) -> Result<()> {
        let (settings, problem): (&[_], _) = if self.interval.is_zero() || self.timeout.is_zero() {
            let problem = "the interval and the timeout must be above zero";
            (&["interval", "timeout"], problem.to_owned())
        } else if !(1..=MAX_FLOWS).contains(&self.flows) {
            let problem = format!("the number of flows must be from 1 to {MAX_FLOWS}");
            (&["flows"], problem)
        } else if self.connect.source_port().is_some() && self.flows > 1 {
            let problem = format!(
                "a source port is for one flow, and there are {}",
                self.flows
            );
            (&["flows", "source"], problem)
        } else if self.reconnects && endpoint.socket_type() == Some(SocketType::Datagram) {
            let problem = format!("{endpoint} is for datagrams, which have no connections");
            (&["reconnect"], problem)
        } else if self.reconnects && self.connect.source_port().is_some() {
            let problem = "a source port is for one connection";
            (&["reconnect", "source"], problem.to_owned())
        } else if self.reconnects && self.flows > 1 {
            let problem = "each probe has its own connection, so there is only one flow";
            (&["reconnect", "flows"], problem.to_owned())
        } else {
            return check_texts(self.size, self.filler.as_deref());
        };
        Err(Error::invalid_settings(settings, problem))
    }

    /// # Errors
    /// [`Error::InvalidSettings`] when the flows would hold too much.
    pub(super) fn check_memory(&self) -> Result<()> {
        if self.size.saturating_mul(self.flows) <= MAX_TEXT_BYTES {
            return Ok(());
        }
        let problem = format!("size x flows must be at most {MAX_TEXT_BYTES} bytes (1 GiB)");
        Err(Error::invalid_settings(&["size", "flows"], problem))
    }
}
