//! One run: its flows connected, its workers started, watched and stopped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::capacity::Capacity;
use super::plan::{Plan, limits, measure};
use super::result::RunResult;
use super::schedule::{MAX_RATE, Rate};
use super::settings::Settings;
use super::shared::{ABORT, STOP, Shared};
use super::text::{Form, HEADER_LENGTH, MAX_FLOWS};
use super::transport::Clock;
use bullhorn_socket::endpoint::{Endpoint, RESOLVE_TIMEOUT, SocketType};
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::stop::Stop;
use bullhorn_socket::{connect, connect::check_for_client};

/// How often the observer is told.
const TICK: Duration = Duration::from_millis(50);

/// How long a stopped run waits for what is under way: a verb ends within a second of Ctrl-C.
const STOP_TIMEOUT: Duration = Duration::from_millis(600);

/// How far a run is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// RunResult requests sent.
    pub sent: u64,
    /// Right answers to them.
    pub ok: u64,
    /// Since the first request, the warm-up counted.
    pub elapsed: Duration,
}

/// What an observer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Send no more, and wait a moment for what is under way.
    Stop,
    /// End at once.
    Abort,
}

/// Is told what happens during a run.
pub trait Observer {
    /// From now on this address is asked.
    fn using(&mut self, endpoint: &Endpoint) {
        let _ = endpoint;
    }

    /// Some time has passed.
    fn tick(&mut self, progress: &Progress) -> Control;
}

/// Puts load on `endpoint` until the time or the count is reached, or the observer ends it; `stop`
/// ends the wait for the resolver and for connections.
///
/// A name has [`RESOLVE_TIMEOUT`] to be resolved, or the timeout of the settings if that is longer; each
/// connection has that timeout.
///
/// # Errors
/// [`Error::Usage`] for settings that do not fit each other or the endpoint; [`Error::Resolve`],
/// [`Error::Refused`], [`Error::NoAnswer`], [`Error::Stopped`] and [`Error::Socket`] when no flow
/// comes about. What befalls single requests is in the result.
pub fn run(
    endpoint: &Endpoint,
    settings: &Settings,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> Result<RunResult> {
    check_for_client(endpoint)?;
    let mut result = Err(Error::Usage("there is no address to ask".to_owned()));
    let patience = RESOLVE_TIMEOUT.max(settings.timeout);
    for candidate in endpoint.resolve_within(settings.family, patience, stop)? {
        let checked = Checked::new(&candidate, settings)?;
        result = run_at(&candidate, checked, stop, observer);
        if !matches!(
            &result,
            Err(Error::Refused { .. } | Error::NoAnswer { .. } | Error::Socket { .. })
        ) {
            break;
        }
    }
    result
}

/// Settings that fit each other and an endpoint, and what follows from them.
struct Checked {
    settings: Settings,
    form: Form,
    rate: Option<Rate>,
    capacity: Capacity,
}

impl Checked {
    /// Looks before anything is set aside for the texts: they may be of any length.
    fn new(endpoint: &Endpoint, settings: &Settings) -> Result<Self> {
        let usage = |problem: String| Err(Error::Usage(problem));
        let is_stream = endpoint.socket_type() == Some(SocketType::Stream);
        let least = HEADER_LENGTH + usize::from(is_stream);
        if settings.size < least {
            return usage(format!(
                "a text to {endpoint} has at least {least} bytes, which number it"
            ));
        }
        if settings.flows == 0 || settings.flows >= MAX_FLOWS {
            return usage(format!("the flows must be from 1 to {}", MAX_FLOWS - 1));
        }
        let rate = match settings.rate.map(|rate| (rate, Rate::new(rate))) {
            Some((rate, None)) => {
                return usage(format!(
                    "the rate must be from 1e-9 to {MAX_RATE} requests a second, and not {rate}"
                ));
            }
            Some((_, rate)) => rate,
            None => None,
        };
        let mut settings = settings.clone();
        let window = settings.window;
        let window = window.unwrap_or_else(|| Settings::default_window(endpoint));
        settings.window = Some(window.max(1));
        settings.threads = settings.threads.clamp(1, settings.flows);
        let joins = settings.has_offload || is_stream;
        endpoint.check_length(settings.size)?;
        Capacity::new(&settings, settings.size, settings.size, joins)?;
        let form = Form::new(settings.size, settings.filler.as_deref(), is_stream);
        let (text, answer) = (form.text_length(), form.answer_length());
        endpoint.check_length(text.max(answer))?;
        Ok(Self {
            capacity: Capacity::new(&settings, text, answer, joins)?,
            settings,
            form,
            rate,
        })
    }
}

fn run_at(
    endpoint: &Endpoint,
    checked: Checked,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> Result<RunResult> {
    let Checked {
        settings,
        form,
        rate,
        capacity,
    } = checked;
    let threads = settings.threads as usize;
    let mut sockets: Vec<Vec<Socket>> = (0..threads).map(|_| Vec::new()).collect();
    for flow in 0..settings.flows as usize {
        sockets[flow % threads].push(connect(endpoint, settings.timeout, stop)?);
    }
    observer.using(endpoint);

    let shared = Shared::new(threads);
    let clock = Clock::start();
    let begin_ns = clock.now_ns();
    let limits = limits(&settings, begin_ns, capacity.burst);
    let plan = Plan {
        settings: &settings,
        endpoint,
        form,
        rate,
        capacity,
        limits,
        begin_ns,
        clock,
        shared: &shared,
    };
    let work = |number, sockets| plan.work(number, sockets);
    let finished = run_workers(sockets, &shared, endpoint, work, || {
        watch(&shared, threads, clock, observer);
    })?;
    let is_early = shared.control.load(Ordering::Relaxed) != 0;
    Ok(measure(&plan, finished, is_early))
}

/// Runs `work` with each of `parts` in a thread of its own, and `watch` in this one until all are
/// done. A worker that fails or panics breaks the run off.
fn run_workers<P: Send, T: Send>(
    parts: Vec<P>,
    shared: &Shared,
    endpoint: &Endpoint,
    work: impl Fn(usize, P) -> Result<T> + Sync,
    watch: impl FnOnce(),
) -> Result<Vec<T>> {
    let watcher = thread::current();
    let run_one = |number, part| {
        let result = catch_unwind(AssertUnwindSafe(|| work(number, part)));
        let result = result.unwrap_or_else(|panic| Err(Error::panicked(panic.as_ref())));
        if result.is_err() {
            shared.control.store(ABORT, Ordering::Relaxed);
        }
        shared.finished.fetch_add(1, Ordering::Release);
        watcher.unpark();
        result
    };
    let run_one = &run_one;
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for (number, part) in parts.into_iter().enumerate() {
            let worker = thread::Builder::new()
                .name(format!("load {number}"))
                .spawn_scoped(scope, move || run_one(number, part));
            match worker {
                Ok(worker) => workers.push(worker),
                Err(source) => {
                    shared.control.store(ABORT, Ordering::Relaxed);
                    return Err(Error::socket(Operation::Start, endpoint, source));
                }
            }
        }
        watch();
        let joined = workers.into_iter().map(|worker| {
            let result = worker.join();
            result.unwrap_or_else(|panic| Err(Error::panicked(panic.as_ref())))
        });
        joined.collect()
    })
}

/// Tells the observer how far the run is until the workers are done, and passes its wish on. A stop
/// that takes too long breaks the run off.
fn watch(shared: &Shared, workers: usize, clock: Clock, observer: &mut dyn Observer) {
    let mut stopped = None;
    while shared.finished.load(Ordering::Acquire) < workers {
        thread::park_timeout(TICK);
        let mut progress = Progress {
            sent: 0,
            ok: 0,
            elapsed: Duration::from_nanos(clock.now_ns()),
        };
        for (sent, ok) in &shared.progress {
            progress.sent += sent.load(Ordering::Relaxed);
            progress.ok += ok.load(Ordering::Relaxed);
        }
        let wish = match observer.tick(&progress) {
            Control::Continue => 0,
            Control::Stop if stopped.get_or_insert_with(Instant::now).elapsed() < STOP_TIMEOUT => {
                STOP
            }
            Control::Stop => ABORT,
            Control::Abort => ABORT,
        };
        shared.control.fetch_max(wish, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Patient;

    impl Observer for Patient {
        fn tick(&mut self, _: &Progress) -> Control {
            Control::Continue
        }
    }

    #[test]
    fn a_worker_that_panics_ends_the_run_with_an_error_instead_of_a_wait_for_ever() {
        let shared = Shared::new(3);
        let work = |number, ()| {
            assert_ne!(number, 1, "the second worker is broken");
            while shared.control.load(Ordering::Relaxed) != ABORT {
                thread::yield_now();
            }
            Ok(number)
        };
        let endpoint = Endpoint::default();
        let watch = || watch(&shared, 3, Clock::start(), &mut Patient);
        let error = run_workers(vec![(); 3], &shared, &endpoint, work, watch).unwrap_err();
        assert_eq!(error.exit_code(), 7);
        let line = error.to_string();
        assert!(line.contains("the second worker is broken"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}
