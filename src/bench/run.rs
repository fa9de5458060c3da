//! One run: from the settings to connected flows, their workers, and one record of all.

use std::fs;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use socket2::Socket;

use super::Settings;
use super::datagram::Datagrams;
use super::ledger::{Desk, Ledger};
use super::pacing::Pace;
use super::record::Record;
use super::stream::Streams;
use super::text::{Form, HEADER, MOST_FLOWS, Texts};
use super::worker::{BREAK_OFF, Clock, Finished, Limits, Load, STOP, Shared, Transport, Worker};
use crate::endpoint::{Endpoint, SocketType};
use crate::error::{Error, Operation, Result};
use crate::socket::{connect, connect::check_for_client};

/// How often the observer is told.
const TICK: Duration = Duration::from_millis(50);

/// A flow may get this many windows ahead of a request that was overtaken, which then is lost.
const WINDOWS_AHEAD: usize = 8;

/// The fewest places of a ledger.
const LEAST_PLACES: usize = 256;

/// The most places of all ledgers with a schedule together, which bounds their memory.
const MOST_PLACES: usize = 1 << 22;

/// The most bytes of one receive buffer, and so of one run of answers.
const RUN_BYTES: usize = 65_536;

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

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The address that was asked.
    pub endpoint: Endpoint,
    /// What load was put on it; the window is the one that was kept.
    pub settings: Settings,
    /// What was seen.
    pub record: Record,
    /// How long requests were sent.
    pub sending: Duration,
    /// From the begin of the measured time to the last right answer.
    pub elapsed: Duration,
    /// What the workers had of the processors, user and system; unknown where the kernel does not
    /// tell.
    pub cpu: Option<Duration>,
    /// The share of looks for answers that found none.
    pub idle_share: f64,
    /// Whether texts travelled many in one buffer to the end.
    pub has_offload: bool,
    /// Sends that the far end refused (ECONNREFUSED) after it had answered before.
    pub refused: u64,
    /// Connections that the far end closed.
    pub closed: u64,
    /// The observer ended the run before its time.
    pub is_early: bool,
}

/// Below this part of what was requested, something was too slow.
const NEAR: f64 = 0.99;

/// A generator that hardly ever has to wait for an answer is itself what holds the load up.
const LEAST_IDLE_SHARE: f64 = 0.05;

impl Measured {
    /// Requests sent a second.
    pub fn sent_rate(&self) -> f64 {
        per_second(self.record.counts.sent, self.sending)
    }

    /// Right answers a second.
    pub fn achieved_rate(&self) -> f64 {
        per_second(self.record.counts.ok, self.elapsed)
    }

    /// Lost requests as a part of those sent; `None` when there were none.
    pub fn loss(&self) -> Option<f64> {
        let counts = &self.record.counts;
        (counts.sent > 0).then(|| counts.lost as f64 / counts.sent as f64)
    }

    /// The rate that was requested was not answered, by more than one in a hundred.
    pub fn is_below_request(&self) -> bool {
        let requested = self.settings.rate.unwrap_or(0.0);
        self.achieved_rate() < requested * NEAR
    }

    /// The load was less than it could have been because of the generator: it did not send what
    /// was requested, or without a rate to keep, hardly ever had to wait for an answer.
    pub fn was_the_limit(&self) -> bool {
        match self.settings.rate {
            Some(rate) => self.sent_rate() < rate * NEAR,
            None => self.idle_share < LEAST_IDLE_SHARE,
        }
    }
}

fn per_second(amount: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    amount as f64 / time.as_secs_f64()
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
                length,
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

/// The limits that hold for all workers; the quota is that of the whole run.
fn limits(settings: &Settings, begin_ns: u64, endpoint: &Endpoint) -> Limits {
    let nanoseconds = |duration: Duration| duration.as_nanos().min(u64::MAX as u128 / 4) as u64;
    let measure_from_ns = begin_ns + settings.warmup.map_or(0, nanoseconds);
    let duration_ns = settings.duration.map_or(u64::MAX / 2, nanoseconds);
    let window = settings.window.unwrap_or(1) as usize;
    let is_stream = endpoint.socket_type() == Some(SocketType::Stream);
    let joins = settings.has_offload || is_stream;
    let burst = match settings.rate {
        Some(_) => 64,
        // A run goes out whole; single datagrams go by halves, so that neither side ever idles.
        None if joins => window,
        None => window.div_ceil(2),
    };
    Limits {
        measure_from_ns,
        send_until_ns: measure_from_ns + duration_ns,
        quota: settings.count.unwrap_or(u64::MAX),
        timeout_ns: nanoseconds(settings.timeout),
        spin: settings.spin,
        burst,
    }
}

/// What the workers of a run have in common.
struct Plan<'a> {
    settings: &'a Settings,
    endpoint: &'a Endpoint,
    form: Form,
    limits: Limits,
    begin_ns: u64,
    clock: Clock,
    shared: &'a Shared,
    watcher: thread::Thread,
}

impl Plan<'_> {
    fn work(&self, number: usize, sockets: Vec<Socket>) -> Result<(Finished, Option<Duration>)> {
        let fail = |operation| move |source| Error::socket(operation, self.endpoint, source);
        let finished = match self.endpoint.socket_type() {
            Some(SocketType::Stream) => {
                let streams = Streams::new(sockets).map_err(fail(Operation::Configure))?;
                self.worker(number, streams).run()
            }
            _ => {
                let has_offload = self.settings.has_offload;
                let datagrams = Datagrams::new(sockets, self.form.text_length(), has_offload)
                    .map_err(fail(Operation::Configure))?;
                self.worker(number, datagrams).run()
            }
        };
        Ok((finished.map_err(fail(Operation::Send))?, thread_cpu()))
    }

    fn worker<T: Transport>(&self, number: usize, transport: T) -> Worker<'_, T> {
        let workers = self.settings.threads as usize;
        let flows = transport.sockets().len();
        let window = u64::from(self.settings.window.unwrap_or(1));
        let is_open = self.settings.rate.is_some();
        let places = match self.settings.rate {
            None => window as usize * WINDOWS_AHEAD,
            Some(rate) => {
                let in_time = rate * self.settings.timeout.as_secs_f64();
                let most = MOST_PLACES / self.settings.flows as usize;
                ((in_time / f64::from(self.settings.flows)) as usize * 2).min(most)
            }
        };
        let places = places.max(LEAST_PLACES).max(self.limits.burst);
        let run = RUN_BYTES / self.form.answer_length() + 1;
        Worker {
            number,
            ledgers: (0..flows)
                .map(|place| Ledger::new((place * workers + number) as u32, places, is_open))
                .collect(),
            desk: Desk {
                texts: Texts::new(self.form.clone(), run.max(self.limits.burst)),
                record: Record::new(self.limits.measure_from_ns, is_open),
                outstanding: 0,
            },
            load: match self.settings.rate {
                Some(rate) => {
                    let may_bunch = transport.has_offload();
                    Load::Open(Pace::new(self.begin_ns, rate, number, workers, may_bunch))
                }
                None => Load::Closed {
                    window,
                    threshold: self.threshold(window, transport.has_offload()),
                },
            },
            limits: Limits {
                quota: share(self.limits.quota, number, workers),
                ..self.limits
            },
            clock: self.clock,
            shared: self.shared,
            transport,
        }
    }

    /// How much of the window must be free before a flow sends again. Runs stay whole, but for
    /// those lost on the way; single datagrams go by halves.
    fn threshold(&self, window: u64, has_offload: bool) -> u64 {
        if has_offload {
            window - window / 8
        } else {
            window.div_ceil(2)
        }
    }
}

/// The part of worker `number` in a sum.
fn share(sum: u64, number: usize, workers: usize) -> u64 {
    let (number, workers) = (number as u64, workers as u64);
    sum / workers + u64::from(number < sum % workers)
}

/// What this thread has had of the processors (proc_pid_schedstat(5)).
fn thread_cpu() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn measure(
    plan: &Plan<'_>,
    finished: Vec<(Finished, Option<Duration>)>,
    is_early: bool,
) -> Measured {
    let is_open = plan.settings.rate.is_some();
    let mut record = Record::new(plan.limits.measure_from_ns, is_open);
    let (mut looks, mut looks_in_vain, mut refused, mut closed) = (0, 0, 0, 0);
    let mut has_offload = plan.settings.has_offload;
    let mut cpu = Some(Duration::ZERO);
    for (finished, worker_cpu) in finished {
        record.add(&finished.record);
        looks += finished.looks;
        looks_in_vain += finished.looks_in_vain;
        refused += finished.refused;
        closed += finished.closed;
        has_offload &= finished.has_offload;
        cpu = cpu.zip(worker_cpu).map(|(sum, more)| sum + more);
    }
    // The last request of a schedule has its own step of it.
    let step = plan.settings.rate.map_or(0.0, |rate| 1.0 / rate);
    let mut sending = Duration::from_nanos(record.last_sent_ns) + Duration::from_secs_f64(step);
    if let (true, false, Some(duration)) = (is_open, is_early, plan.settings.duration)
        && record.counts.sent < plan.limits.quota
    {
        // What was due and never went is missing from the whole time, not cut off at its end.
        sending = sending.max(duration);
    }
    Measured {
        endpoint: plan.endpoint.clone(),
        settings: plan.settings.clone(),
        sending,
        elapsed: sending.max(Duration::from_nanos(record.last_ok_ns)),
        record,
        cpu,
        idle_share: looks_in_vain as f64 / (looks as f64).max(1.0),
        has_offload,
        refused,
        closed,
        is_early,
    }
}
