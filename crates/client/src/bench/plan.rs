//! From the settings of a run to its workers.

use std::fs;
use std::time::Duration;

use bullhorn_socket::Socket;

use super::books::Books;
use super::checked::CheckedSettings;
use super::clock::Clock;
use super::datagram::Datagrams;
use super::ledger::Ledger;
use super::lost::LostNumbers;
use super::record::Record;
use super::schedule::Schedule;
use super::send_times::SendTimes;
use super::shared::Shared;
use super::stream::Streams;
use super::text::Texts;
use super::transport::Transport;
use super::worker::{Flows, Limits, Load, Worker, WorkerResult};
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::error::{Error, Operation, Result};

/// What the workers of a run have in common.
pub(super) struct Plan<'a> {
    endpoint: &'a Endpoint,
    checked: &'a CheckedSettings,
    /// Of the whole run.
    limits: Limits,
    begin_ns: u64,
    clock: Clock,
    shared: &'a Shared,
}

impl<'a> Plan<'a> {
    /// The plan of a run that begins now.
    pub(super) fn new(
        endpoint: &'a Endpoint,
        checked: &'a CheckedSettings,
        clock: Clock,
        shared: &'a Shared,
    ) -> Self {
        let settings = &checked.settings;
        let nanoseconds = |duration: Duration| duration.as_nanos().min(u64::MAX as u128 / 4) as u64;
        let begin_ns = clock.now_ns();
        let measure_from_ns = begin_ns + settings.warmup.map_or(0, nanoseconds);
        let duration_ns = settings.duration.map_or(u64::MAX / 2, nanoseconds);
        Self {
            endpoint,
            checked,
            limits: Limits {
                measure_from_ns,
                send_until_ns: measure_from_ns + duration_ns,
                max_requests: settings.count.unwrap_or(u64::MAX),
                timeout_ns: nanoseconds(settings.timeout),
                spin: settings.spin,
                burst: checked.capacity.burst as u64,
            },
            begin_ns,
            clock,
            shared,
        }
    }

    /// Runs worker `index` over its connected sockets; returns its CPU time, too.
    pub(super) fn work(
        &self,
        index: usize,
        sockets: Vec<Socket>,
    ) -> Result<(WorkerResult, Option<Duration>)> {
        let fail = |operation| move |source| Error::socket(operation, self.endpoint, source);
        let result = match self.endpoint.socket_type() {
            Some(SocketType::Stream) => {
                let streams = Streams::new(sockets).map_err(fail(Operation::Configure))?;
                self.worker(index, streams).run()
            }
            other => {
                let text_length = self.checked.form.text_length();
                let has_offload = self.checked.settings.has_offload;
                let is_connection = other == Some(SocketType::SeqPacket);
                let datagrams = Datagrams::new(sockets, is_connection, text_length, has_offload)
                    .map_err(fail(Operation::Configure))?;
                self.worker(index, datagrams).run()
            }
        };
        Ok((result.map_err(fail(Operation::Send))?, thread_cpu()))
    }

    fn worker<T: Transport>(&self, index: usize, transport: T) -> Worker<'_, T> {
        let workers = self.checked.settings.threads as usize;
        let limits = Limits {
            max_requests: share(self.limits.max_requests, index, workers),
            ..self.limits
        };
        let load = self.load(index, transport.has_offload());
        let flows = (0..transport.sockets().len()).map(|flow| flow * workers + index);
        let ledgers = flows.map(|flow| self.ledger(flow as u32)).collect();
        let books = Books::new(
            Texts::new(self.checked.form.clone(), self.checked.capacity.run),
            self.record(),
        );
        let flows = Flows::new(transport, ledgers, books, self.clock);
        Worker::new(index, self.shared, flows, load, limits)
    }

    fn ledger(&self, flow: u32) -> Ledger {
        let capacity = &self.checked.capacity;
        let times = SendTimes::new(capacity.slots, self.is_open());
        Ledger::new(flow, times, LostNumbers::new(capacity.lost))
    }

    fn load(&self, index: usize, has_offload: bool) -> Load {
        let settings = &self.checked.settings;
        if let Some(rate) = self.checked.rate {
            let workers = settings.threads as usize;
            let schedule = Schedule::new(self.begin_ns, rate, index, workers, has_offload);
            return Load::Open(schedule);
        }
        let window = u64::from(settings.window.unwrap_or(1));
        // How much of the window must be free before a flow sends again. Runs stay whole, except
        // for losses; single datagrams go in halves.
        let threshold = if has_offload {
            window - window / 8
        } else {
            window.div_ceil(2)
        };
        Load::Closed {
            window,
            threshold: threshold.min(self.limits.burst),
        }
    }

    fn is_open(&self) -> bool {
        self.checked.rate.is_some()
    }

    /// An empty record of this run.
    pub(super) fn record(&self) -> Record {
        Record::new(self.limits.measure_from_ns, self.is_open())
    }
}

/// The part of worker `index` in a sum.
fn share(sum: u64, index: usize, workers: usize) -> u64 {
    let (index, workers) = (index as u64, workers as u64);
    sum / workers + u64::from(index < sum % workers)
}

/// The CPU time of this thread (proc_pid_schedstat(5)).
fn thread_cpu() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
