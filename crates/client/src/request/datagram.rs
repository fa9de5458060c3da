//! Many texts in flight over messages: a window of flows, each with one text. Over datagrams a flow
//! is a socket; otherwise it is a connection (SOCK_SEQPACKET), which loses nothing while it lasts,
//! so no text is sent again.

use std::ops::ControlFlow;
use std::time::Instant;

use super::flow::{Progress, Request, RequestFlow};
use super::outcome::Observer;
use super::queue::Queue;
use super::recent_replies::RecentReplies;
use super::settings::Settings;
use super::texts::{Next, Texts};
use crate::ask::candidates::Candidates;
use crate::ask::flow::DatagramFlow;
use bullhorn_socket::PollSet;
use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::{Endpoint, MAX_UNIX_DATAGRAM};
use bullhorn_socket::error::{Error, Operation, Result};

/// How many outcomes may wait for an earlier one, as a multiple of the window, so that one text
/// that must be repeated does not delay the others.
const QUEUE_WINDOWS: usize = 64;

/// The client side of one datagram endpoint.
pub(super) struct Exchange {
    endpoint: Endpoint,
    candidates: Candidates,
    /// Whether this address has ever answered, which ends the search for another.
    has_answered: bool,
    settings: Settings,
    stop: Stop,
    busy: Vec<RequestFlow>,
    idle: Vec<RequestFlow>,
    recent: RecentReplies,
    buffer: Box<[u8]>,
}

impl Exchange {
    /// Opens a socket to the first address that allows it. The next one is tried when it does not
    /// answer.
    pub(super) fn open(
        mut candidates: Candidates,
        mut settings: Settings,
        stop: Stop,
    ) -> Result<Self> {
        let flow = candidates.find(|address| RequestFlow::open(address, &settings))?;
        if flow.is_connection() {
            settings.retries = 0;
        }
        Ok(Self {
            endpoint: flow.endpoint().clone(),
            candidates,
            has_answered: false,
            settings,
            stop,
            busy: Vec::new(),
            idle: vec![flow],
            recent: RecentReplies::default(),
            buffer: vec![0; DatagramFlow::BUFFER_SIZE].into_boxed_slice(),
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends every text and reports the outcomes in order, until the texts end or `observer`
    /// breaks.
    pub(super) fn run(&mut self, texts: &mut dyn Texts, observer: &mut dyn Observer) -> Result<()> {
        let window = match self.settings.connect.source_port() {
            Some(_) => 1,
            None => self.settings.window.max(1),
        };
        let mut queue = Queue::new(window * QUEUE_WINDOWS);
        let mut ended = false;
        loop {
            if self.stop.is_stopped() {
                ended = true;
                for flow in self.busy.drain(..) {
                    queue.stop(flow.number(), &self.endpoint);
                }
                queue.stop_unsent(texts, &self.endpoint)?;
            }
            let mut waits_for_text = false;
            while self.busy.len() < window && queue.has_room() && !ended && !waits_for_text {
                let limit = self.endpoint.max_datagram().unwrap_or(MAX_UNIX_DATAGRAM);
                match texts.next(limit).map_err(Error::Texts)? {
                    Next::Text(text) => {
                        let number = queue.push(text.len());
                        self.begin(Request::new(number, text), &mut queue, observer)?;
                    }
                    Next::TooLong => queue.push_failed(Error::too_long(&self.endpoint, limit)),
                    Next::NotYet => waits_for_text = true,
                    Next::End => ended = true,
                }
            }
            while let Some(outcome) = queue.pop() {
                if observer.outcome(outcome) == ControlFlow::Break(()) {
                    // Texts in flight may still be answered later, so their flows are not used
                    // again.
                    self.busy.clear();
                    return Ok(());
                }
            }
            if ended && queue.is_empty() {
                return Ok(());
            }
            if !self.busy.is_empty() || waits_for_text {
                self.wait_and_advance(texts, waits_for_text, &mut queue, observer)?;
            }
        }
    }

    fn begin(
        &mut self,
        request: Request,
        queue: &mut Queue,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        while self
            .idle
            .pop_if(|flow| !flow.is_usable(&mut self.buffer))
            .is_some()
        {}
        let flow = match self.idle.pop() {
            Some(flow) => Ok(flow),
            None => RequestFlow::open(&self.endpoint, &self.settings),
        };
        match flow {
            Ok(mut flow) => {
                let progress = flow.begin(request);
                self.settle(flow, progress, queue, observer)
            }
            Err(error @ Error::Path { .. }) => {
                let endpoint = self.endpoint.clone();
                self.fail(request, &endpoint, error, queue, observer)
            }
            Err(error) => Err(error),
        }
    }

    /// A text has no answer from `endpoint`: sends it to another address while none has answered.
    fn fail(
        &mut self,
        request: Request,
        endpoint: &Endpoint,
        error: Error,
        queue: &mut Queue,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        if endpoint == &self.endpoint {
            if !self.may_switch() {
                self.recent.insert(request.expected());
                queue.settle(request.number, Err(error));
                return Ok(());
            }
            self.switch_to_next_address(observer)?;
        }
        self.begin(request, queue, observer)
    }

    /// Waits until a socket or the texts are ready, or for a timeout, and does what is due.
    fn wait_and_advance(
        &mut self,
        texts: &mut dyn Texts,
        waits_for_text: bool,
        queue: &mut Queue,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let mut poll = PollSet::default();
        for flow in &self.busy {
            poll.add(flow.as_fd(), true, flow.waits_for_room());
        }
        if waits_for_text && let Some(descriptor) = texts.descriptor() {
            poll.add(descriptor, true, false);
        }
        poll.add_stop(&self.stop);
        let deadline = self.busy.iter().filter_map(RequestFlow::deadline).min();
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        poll.wait(timeout)
            .map_err(|source| Error::socket(Operation::Receive, &self.endpoint, source))?;
        let ready: Vec<bool> = (0..self.busy.len())
            .map(|entry| {
                let ready = poll.ready(entry);
                ready.to_read || ready.to_write
            })
            .collect();
        drop(poll);

        let now = Instant::now();
        // Where the name has another address, that is tried at once.
        let path_retries = match self.may_switch() {
            true => 0,
            false => self.settings.retries,
        };
        for (mut flow, is_ready) in std::mem::take(&mut self.busy).into_iter().zip(ready) {
            let mut progress = Progress::Pending;
            if is_ready {
                progress = flow.advance(&mut self.buffer, &self.recent, path_retries);
            }
            let is_late = flow.deadline().is_some_and(|deadline| deadline <= now);
            if matches!(progress, Progress::Pending) && is_late {
                progress = flow.expire(self.settings.retries);
            }
            self.settle(flow, progress, queue, observer)?;
        }
        Ok(())
    }

    /// Keeps or drops a flow after some progress, and puts the outcome into the queue.
    fn settle(
        &mut self,
        flow: RequestFlow,
        progress: Progress,
        queue: &mut Queue,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        match progress {
            Progress::Pending => self.busy.push(flow),
            Progress::Settled(Err(error)) => {
                let endpoint = flow.endpoint().clone();
                self.fail(flow.into_request(), &endpoint, error, queue, observer)?;
            }
            Progress::Settled(Ok(answer)) => {
                self.has_answered = true;
                let is_reusable = answer.problem().is_none() && !flow.has_repeated();
                self.recent.insert(flow.expected());
                queue.settle(flow.number(), Ok(answer));
                if is_reusable {
                    self.idle.push(flow);
                }
            }
        }
        Ok(())
    }

    /// Whether the address has never answered, and the name has another.
    fn may_switch(&self) -> bool {
        !self.has_answered && !self.candidates.as_slice().is_empty()
    }

    /// The name has another address. Texts in flight to the old one
    /// follow when they fail there.
    fn switch_to_next_address(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let settings = &self.settings;
        let candidates = &mut self.candidates;
        let flow = candidates.find(|address| RequestFlow::open(address, settings))?;
        self.endpoint = flow.endpoint().clone();
        self.idle = vec![flow];
        observer.using(&self.endpoint);
        Ok(())
    }
}
