//! One run: its flows connected, its workers started, watched and stopped.

use std::thread;
use std::time::{Duration, Instant};

use super::checked::CheckedSettings;
use super::clock::Clock;
use super::connecting::Connected;
use super::observer::{Control, Observer, Progress};
use super::plan::Plan;
use super::result::RunResult;
use super::settings::Settings;
use super::shared::Shared;
use super::threads::run_workers;
use crate::ask::candidates::Candidates;
use crate::ask::reply_name;
use crate::trial::Trial;
use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Result;

/// How often the observer is called.
const TICK: Duration = Duration::from_millis(50);

/// How long a stopped run waits for outstanding replies: a verb ends within a second of Ctrl-C.
const STOP_TIMEOUT: Duration = Duration::from_millis(600);

/// The text that tries an address.
const TRIAL: &[u8] = b"bullhorn";

/// Puts load on `endpoint` until the time or the count is reached, or the observer ends it; `stop`
/// ends the wait for the resolver and for connections.
///
/// The addresses of a name are tried in order, until one answers a text. The resolver has
/// [`RESOLVE_TIMEOUT`](bullhorn_socket::RESOLVE_TIMEOUT), or the timeout of the settings if that is
/// longer; a TCP connection has 8 seconds, or that timeout, so that a lost SYN can be repeated.
///
/// ```
/// use std::time::Duration;
/// use bullhorn_client::bench::{self, Control, Observer, Progress, Settings};
/// use bullhorn_server::Server;
/// use bullhorn_socket::Stop;
///
/// struct Silent;
/// impl Observer for Silent {
///     fn tick(&mut self, _: &Progress) -> Control {
///         Control::Continue
///     }
/// }
///
/// let server = Server::builder().endpoint("udp://127.0.0.1:0").start()?;
/// let mut settings = Settings::default();
/// settings.count = Some(1000);
/// settings.warmup = None;
/// settings.timeout = Duration::from_secs(20);
/// let result = bench::run(&server.endpoints()[0], &settings, &Stop::new()?, &mut Silent)?;
/// assert_eq!(result.record.counts.ok, 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSettings`] for settings that do not fit each other or the endpoint; [`Error::Resolve`],
/// [`Error::Path`], [`Error::NoAnswer`], [`Error::Stopped`] and [`Error::Socket`] when the flows
/// cannot be connected or a call on them fails. What happens to single requests is in the result.
///
/// [`Error::InvalidSettings`]: bullhorn_socket::error::Error::InvalidSettings
/// [`Error::Resolve`]: bullhorn_socket::error::Error::Resolve
/// [`Error::Path`]: bullhorn_socket::error::Error::Path
/// [`Error::NoAnswer`]: bullhorn_socket::error::Error::NoAnswer
/// [`Error::Stopped`]: bullhorn_socket::error::Error::Stopped
/// [`Error::Socket`]: bullhorn_socket::error::Error::Socket
pub fn run(
    endpoint: &Endpoint,
    settings: &Settings,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> Result<RunResult> {
    let (family, options, timeout) = (settings.family, &settings.connect, settings.timeout);
    let candidates = Candidates::resolve(endpoint, family, options, timeout, stop)?;
    let trial = Trial::new(TRIAL, options, timeout);
    let address = trial.choose(&candidates, None, stop)?;
    let settings = Settings {
        connect: reply_name::choose(&address, options, timeout, stop),
        ..settings.clone()
    };
    let checked = CheckedSettings::new(&address, &settings)?;
    let mut result = run_at(&address, &checked, stop, observer)?;
    result.given = endpoint.clone();
    Ok(result)
}

fn run_at(
    endpoint: &Endpoint,
    checked: &CheckedSettings,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> Result<RunResult> {
    let settings = &checked.settings;
    let Connected {
        sockets,
        connecting,
    } = Connected::open(endpoint, settings, stop)?;
    observer.using(endpoint);

    let shared = Shared::new(sockets.len());
    let clock = Clock::start();
    let plan = Plan::new(endpoint, checked, clock, &shared);
    let work = |index, sockets| plan.work(index, sockets);
    let workers = run_workers(sockets, &shared, endpoint, work, || {
        watch(&shared, clock, observer);
    })?;
    let mut result = RunResult::new(endpoint.clone(), settings.clone(), plan.record());
    result.connecting = connecting;
    for (worker, cpu) in workers {
        result.add(worker, cpu);
    }
    result.finish(shared.control() != Control::Continue);
    Ok(result)
}

/// Reports progress to the observer until the workers have finished, and follows its control. A
/// stop that takes too long aborts the run.
fn watch(shared: &Shared, clock: Clock, observer: &mut dyn Observer) {
    let mut stopped = None;
    while !shared.has_finished() {
        thread::park_timeout(TICK);
        let (sent, ok) = shared.progress();
        let elapsed = Duration::from_nanos(clock.now_ns());
        let control = observer.tick(&Progress { sent, ok, elapsed });
        let is_overdue = control == Control::Stop
            && stopped.get_or_insert_with(Instant::now).elapsed() >= STOP_TIMEOUT;
        shared.raise(if is_overdue { Control::Abort } else { control });
    }
}
