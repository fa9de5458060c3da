//! From the settings of a run to its workers, and from what they have seen to one result.

use std::fs;
use std::time::Duration;

use socket2::Socket;

use super::capacity::Capacity;
use super::datagram::Datagrams;
use super::ledger::{Books, Ledger};
use super::record::Record;
use super::result::RunResult;
use super::schedule::{Rate, Schedule};
use super::settings::Settings;
use super::shared::Shared;
use super::stream::Streams;
use super::text::{Form, Texts};
use super::transport::{Clock, Transport};
use super::worker::{Finished, Limits, Load, Worker};
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::error::{Error, Operation, Result};

/// The limits that hold for all workers; the quota is that of the whole run.
pub(super) fn limits(settings: &Settings, begin_ns: u64, burst: usize) -> Limits {
    let nanoseconds = |duration: Duration| duration.as_nanos().min(u64::MAX as u128 / 4) as u64;
    let measure_from_ns = begin_ns + settings.warmup.map_or(0, nanoseconds);
    let duration_ns = settings.duration.map_or(u64::MAX / 2, nanoseconds);
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
pub(super) struct Plan<'a> {
    pub(super) settings: &'a Settings,
    pub(super) endpoint: &'a Endpoint,
    pub(super) form: Form,
    pub(super) rate: Option<Rate>,
    pub(super) capacity: Capacity,
    pub(super) limits: Limits,
    pub(super) begin_ns: u64,
    pub(super) clock: Clock,
    pub(super) shared: &'a Shared,
}

impl Plan<'_> {
    /// The work of one thread: its load, and what it had of the processors.
    pub(super) fn work(
        &self,
        number: usize,
        sockets: Vec<Socket>,
    ) -> Result<(Finished, Option<Duration>)> {
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
        let is_open = self.rate.is_some();
        let Capacity { slots, lost, .. } = self.capacity;
        Worker {
            number,
            ledgers: (0..flows)
                .map(|place| Ledger::new((place * workers + number) as u32, slots, lost, is_open))
                .collect(),
            books: Books::new(
                Texts::new(self.form.clone(), self.capacity.run),
                Record::new(self.limits.measure_from_ns, is_open),
            ),
            load: match self.rate {
                Some(rate) => {
                    let may_bunch = transport.has_offload();
                    Load::Open(Schedule::new(
                        self.begin_ns,
                        rate,
                        number,
                        workers,
                        may_bunch,
                    ))
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
        let threshold = if has_offload {
            window - window / 8
        } else {
            window.div_ceil(2)
        };
        threshold.min(self.capacity.burst as u64)
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

/// One result of what all workers have seen.
pub(super) fn measure(
    plan: &Plan<'_>,
    finished: Vec<(Finished, Option<Duration>)>,
    is_early: bool,
) -> RunResult {
    let is_open = plan.settings.rate.is_some();
    let mut record = Record::new(plan.limits.measure_from_ns, is_open);
    let (mut polls, mut empty_polls, mut refused, mut closed) = (0, 0, 0, 0);
    let mut has_offload = plan.settings.has_offload;
    let mut cpu = Some(Duration::ZERO);
    for (finished, worker_cpu) in finished {
        record.add(&finished.record);
        polls += finished.polls;
        empty_polls += finished.empty_polls;
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
    RunResult {
        endpoint: plan.endpoint.clone(),
        settings: plan.settings.clone(),
        sending,
        elapsed: sending.max(Duration::from_nanos(record.last_ok_ns)),
        record,
        cpu,
        idle_share: empty_polls as f64 / (polls as f64).max(1.0),
        has_offload,
        refused,
        closed,
        is_early,
    }
}
