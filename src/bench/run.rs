//! One run: its flows connected, its workers started, watched and stopped.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use socket2::Socket;

use super::Settings;
use super::measured::Measured;
use super::plan::{Plan, limits, measure};
use super::shared::{BREAK_OFF, STOP, Shared};
use super::text::{Form, HEADER, MOST_FLOWS};
use super::transport::Clock;
use crate::endpoint::{Endpoint, SocketType};
use crate::error::{Error, Operation, Result};
use crate::socket::{connect, connect::check_for_client};

/// How often the observer is told.
const TICK: Duration = Duration::from_millis(50);

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Measured requests sent.
    pub sent: u64,
    /// Right answers to them.
    pub ok: u64,
    /// Since the first request, the warm-up counted.
    pub elapsed: Duration,
}

/// What an observer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    GoOn,
    /// Send no more, and wait for what is under way.
    Stop,
    /// End at once.
    BreakOff,
}

/// Is told what happens during a run.
pub trait Observer {
    /// From now on this address is asked.
    fn using(&mut self, endpoint: &Endpoint) {
        let _ = endpoint;
    }

    /// Some time has passed.
    fn tick(&mut self, progress: &Progress) -> Wish;
}

/// Puts load on `endpoint` until the time or the count is reached, or the observer ends it.
///
/// # Errors
/// [`Error::Usage`] for settings that do not fit each other or the endpoint; [`Error::Resolve`],
/// [`Error::Refused`], [`Error::NoAnswer`] and [`Error::Socket`] when no flow comes about. What
/// befalls single requests is in the result.
pub fn run(
    endpoint: &Endpoint,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Measured> {
    check_for_client(endpoint)?;
    let mut result = Err(Error::Usage("there is no address to ask".to_owned()));
    for candidate in endpoint.resolve(settings.family)? {
        let form = check(&candidate, settings)?;
        result = run_at(&candidate, settings, form, observer);
        if !matches!(
            &result,
            Err(Error::Refused { .. } | Error::NoAnswer { .. } | Error::Socket { .. })
        ) {
            break;
        }
    }
    result
}

/// The form of the texts, if they can go to this endpoint and their answers can come back.
fn check(endpoint: &Endpoint, settings: &Settings) -> Result<Form> {
    let usage = |problem: String| Err(Error::Usage(problem));
    let is_stream = endpoint.socket_type() == Some(SocketType::Stream);
    let least = HEADER + usize::from(is_stream);
    if settings.size < least {
        return usage(format!(
            "a text to {endpoint} has at least {least} bytes, which number it"
        ));
    }
    if settings.flows == 0 || settings.flows >= MOST_FLOWS {
        return usage(format!("the flows must be from 1 to {}", MOST_FLOWS - 1));
    }
    let form = Form::new(settings.size, settings.filler.as_deref(), is_stream);
    if let Some(limit) = endpoint.max_datagram() {
        let length = form.text_length().max(form.answer_length());
        if length > limit {
            return Err(Error::TooLong {
                endpoint: endpoint.clone(),
                length: Some(length),
                limit,
            });
        }
    }
    Ok(form)
}

fn run_at(
    endpoint: &Endpoint,
    settings: &Settings,
    form: Form,
    observer: &mut dyn Observer,
) -> Result<Measured> {
    let mut settings = settings.clone();
    let window = settings
        .window
        .unwrap_or_else(|| Settings::default_window(endpoint))
        .max(1);
    settings.window = Some(window);
    settings.threads = settings.threads.clamp(1, settings.flows);
    let threads = settings.threads as usize;
    let mut sockets: Vec<Vec<Socket>> = (0..threads).map(|_| Vec::new()).collect();
    for flow in 0..settings.flows as usize {
        sockets[flow % threads].push(connect(endpoint, settings.timeout)?);
    }
    observer.using(endpoint);

    let shared = Shared {
        progress: (0..threads).map(|_| Default::default()).collect(),
        ..Shared::default()
    };
    let clock = Clock::start();
    let begin_ns = clock.now_ns();
    let limits = limits(&settings, begin_ns, endpoint);
    let plan = Plan {
        settings: &settings,
        endpoint,
        form,
        limits,
        begin_ns,
        clock,
        shared: &shared,
        watcher: thread::current(),
    };
    let finished = thread::scope(|scope| {
        let mut workers = Vec::new();
        for (number, sockets) in sockets.into_iter().enumerate() {
            let plan = &plan;
            let worker = thread::Builder::new()
                .name(format!("load {number}"))
                .spawn_scoped(scope, move || {
                    let result = plan.work(number, sockets);
                    if result.is_err() {
                        plan.shared.wish.store(BREAK_OFF, Ordering::Relaxed);
                    }
                    plan.shared.finished.fetch_add(1, Ordering::Release);
                    plan.watcher.unpark();
                    result
                });
            match worker {
                Ok(worker) => workers.push(worker),
                Err(source) => {
                    shared.wish.store(BREAK_OFF, Ordering::Relaxed);
                    return Err(Error::socket(Operation::Start, endpoint, source));
                }
            }
        }
        watch(&shared, threads, clock, observer);
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect::<Result<Vec<_>>>()
    })?;
    let is_early = shared.wish.load(Ordering::Relaxed) != 0;
    Ok(measure(&plan, finished, is_early))
}

/// Tells the observer how far the run is until the workers are done, and passes its wish on.
fn watch(shared: &Shared, workers: usize, clock: Clock, observer: &mut dyn Observer) {
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
            Wish::GoOn => 0,
            Wish::Stop => STOP,
            Wish::BreakOff => BREAK_OFF,
        };
        shared.wish.fetch_max(wish, Ordering::Relaxed);
    }
}
