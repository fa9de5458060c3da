//! The prober: texts on an absolute schedule, every answer checked byte for byte, counts that
//! always sum.
//!
//! In reading order: `text` makes the texts and matches an answer to its probe; `schedule` decides
//! when each is due; `ledger` counts every probe in one field of [`Counts`]; `jitter` and `outage`
//! are figures; `flow` is one way to the endpoint and back; `fresh` tries new source ports during
//! an outage, `sizes` smaller messages, and `name` resolves the name again; `engine` brings them
//! together; `event` is what a run reports while it lasts, `summary` at its end, and `control` ends
//! it from outside. One plain thread and ppoll(2): a prober must not measure its own runtime.
//! Nothing here reads arguments or prints.

mod arrival;
mod behaviour;
mod control;
mod engine;
mod event;
mod flow;
mod fresh;
mod jitter;
mod ledger;
mod loss;
mod name;
mod outage;
mod schedule;
mod settings;
mod sizes;
mod summary;
pub(crate) mod text;

use std::time::Instant;

pub use crate::ask::counts::Counts;
pub use crate::ask::diagnosis::{Diagnosis, Problem};
pub use crate::ask::excerpt::AnswerExcerpt;
pub use crate::ask::flow_diagnosis::{FlowDiagnosis, FlowProblem};
pub use crate::ask::latency::LatencySummary;
pub use crate::ask::path_errors::PathErrorCount;
pub use arrival::ArrivalKind;
pub use behaviour::{Behaviour, ParseBehaviourError};
pub use control::Control;
pub use event::{Begin, Event, Observer};
pub use loss::Loss;
pub use outage::{Outage, Outages};
pub use settings::Settings;
pub use summary::{FlowSummary, Summary};

use crate::ask::candidates::Candidates;
use crate::ask::reply_name;
use crate::trial::Trial;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Result};
use engine::{Engine, Target};
use text::ProbeTexts;

/// The number of the text that tries an address; no probe has it.
const TRIAL: u64 = 0;

/// Probes `endpoint` until the count, the deadline, the control or the observer ends it.
///
/// ```
/// use std::ops::ControlFlow::{self, Continue};
/// use std::time::{Duration, Instant};
/// use bullhorn_server::Server;
/// use bullhorn_client::ping::{Begin, Control, Counts, Event, Observer, Settings, Summary, run};
///
/// struct Silent;
/// impl Observer for Silent {
///     fn begin(&mut self, _: &Begin<'_>) -> ControlFlow<()> { Continue(()) }
///     fn event(&mut self, _: usize, _: Duration, _: &Event, _: &Counts) -> ControlFlow<()> { Continue(()) }
///     fn interim(&mut self, _: usize, _: &Summary) -> ControlFlow<()> { Continue(()) }
/// }
///
/// let server = Server::builder().endpoint("udp://127.0.0.1:0").start()?;
/// let mut settings = Settings::default();
/// settings.count = Some(10);
/// settings.interval = Duration::from_millis(1);
/// let summary = run(&server.endpoints()[0], &settings, &Control::new()?, &mut Silent)?;
/// assert_eq!((summary.counts.sent, summary.counts.ok), (10, 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSettings`] and [`Error::UnsuitableEndpoint`], [`Error::TooLong`] when a text or
/// its answer does not fit a datagram, [`Error::Resolve`], [`Error::NoSourceFamily`];
/// [`Error::Source`] and [`Error::Socket`] when no socket can be
/// created at the beginning. What happens later is in the events and the summary.
pub fn run(
    endpoint: &Endpoint,
    settings: &Settings,
    control: &Control,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    settings.check(endpoint)?;
    let deadline = settings.deadline.map(|deadline| Instant::now() + deadline);
    let (family, options, stop) = (settings.family, &settings.connect, control.stopped_by());
    let candidates = match settings.deadline {
        Some(deadline) => Candidates::resolve_within(endpoint, family, options, deadline, stop)?,
        None => Candidates::resolve(endpoint, family, options, settings.timeout, stop)?,
    };
    // Before the texts are made, as they are kept in memory.
    let fits = |length| {
        let mut all = candidates.as_slice().iter();
        all.try_for_each(|candidate| candidate.check_length(length))
    };
    fits(settings.size)?;
    settings.check_memory()?;
    let texts = ProbeTexts::with_random_nonce(settings.size, settings.filler.as_deref());
    fits(texts.text_length().max(texts.expected_length()))?;
    let mut text = Vec::new();
    texts.write(TRIAL, &mut text);
    let trial = Trial::new(&text, options, settings.timeout);
    let address = trial.choose(&candidates, deadline, stop)?;
    let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
    let timeout = left.map_or(settings.timeout, |left| left.min(settings.timeout));
    let settings = &Settings {
        connect: reply_name::choose(&address, options, timeout, stop),
        ..settings.clone()
    };
    let targets = vec![Target::new(0, endpoint, address, settings, texts)];
    let mut summaries = Engine::new(targets, control, deadline).run(observer)?;
    summaries.pop().ok_or(Error::NoAddress)
}
