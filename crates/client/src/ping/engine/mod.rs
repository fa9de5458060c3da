//! One run: sends what is due, takes what has come, and waits for whichever is next.
//!
//! Here is the loop; `exchange` sends and receives, `settle` draws the conclusions.

mod exchange;
mod settle;

use std::time::{Duration, Instant, SystemTime};

use super::event::{Begin, Observer};
use super::flow::{self, Flow};
use super::fresh::FreshPorts;
use super::jitter::Jitter;
use super::ledger::Ledger;
use super::outage::{OutageTracker, Outages};
use super::schedule::Schedule;
use super::summary::{FlowSummary, Summary};
use super::text::ProbeTexts;
use super::{Behaviour, Control, PROBES_BEFORE_SILENCE, Settings};
use crate::ask::latency::Latency;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::sys::PollSet;

/// The longest that answers are taken before time, stop and count are looked at again.
const TURN: Duration = Duration::from_millis(10);

/// How many answers that nobody waits for (strays, duplicates, late ones of long ago) are told as
/// events for each probe that is sent. All are counted.
const MAX_UNEXPECTED_EVENTS: u32 = 10;

pub(super) struct Engine<'a> {
    endpoint: Endpoint,
    settings: &'a Settings,
    control: &'a Control,
    /// The end of the run, whatever is under way.
    deadline: Option<Instant>,
    texts: ProbeTexts,
    ledger: Ledger,
    flows: Vec<Lane>,
    start: Instant,
    round_trips: Latency,
    jitter: Jitter,
    send_lag: Latency,
    outages: Outages,
    fresh: FreshPorts,
    text: Vec<u8>,
    expected: Vec<u8>,
    answer: Vec<u8>,
    /// The flows that may have more, in ascending order: the last wait found something there, and
    /// no look since then found nothing.
    ready: Vec<usize>,
    /// How many events of answers that nobody waits for may still be told.
    unexpected_left: u32,
}

/// A flow with its figures.
struct Lane {
    flow: Box<dyn Flow>,
    round_trips: Latency,
    last_round_trip: Option<Duration>,
    jitter: Jitter,
    outage: OutageTracker,
}

impl<'a> Engine<'a> {
    pub(super) fn new(
        endpoint: Endpoint,
        settings: &'a Settings,
        texts: ProbeTexts,
        control: &'a Control,
        deadline: Option<Instant>,
    ) -> Self {
        let mut engine = Self {
            endpoint,
            settings,
            control,
            deadline,
            texts,
            ledger: Ledger::new(settings.flows, settings.timeout),
            flows: Vec::new(),
            start: Instant::now(),
            round_trips: Latency::default(),
            jitter: Jitter::default(),
            send_lag: Latency::default(),
            outages: Outages::default(),
            fresh: FreshPorts::default(),
            text: Vec::new(),
            expected: Vec::new(),
            answer: Vec::new(),
            ready: Vec::new(),
            unexpected_left: MAX_UNEXPECTED_EVENTS,
        };
        for index in 0..settings.flows {
            let flow = engine.new_flow();
            engine.flows.push(Lane {
                flow,
                round_trips: Latency::default(),
                last_round_trip: None,
                jitter: Jitter::default(),
                outage: OutageTracker::new(index),
            });
        }
        engine
    }

    fn new_flow(&self) -> Box<dyn Flow> {
        flow::new(&self.endpoint, self.settings.timeout)
    }

    pub(super) fn run(mut self, observer: &mut dyn Observer) -> Result<Summary> {
        self.open_flows()?;
        self.start = Instant::now();
        let begin = Begin {
            endpoint: &self.endpoint,
            start: self.start,
            started_at: SystemTime::now(),
            text_length: self.texts.text_length(),
            interval: self.settings.interval,
            flows: self.settings.flows,
        };
        if observer.begin(&begin).is_continue() {
            self.probe(observer)?;
        }
        let lasting = self.flows.iter().filter_map(|lane| lane.outage.current());
        let lasting: Vec<_> = lasting.copied().collect();
        for outage in lasting {
            self.outages.add(outage);
        }
        Ok(self.summary())
    }

    /// Connects all flows before the first probe, so that it is not charged for it. A refusal is no
    /// failure here: it is what probing is to show.
    fn open_flows(&mut self) -> Result<()> {
        for lane in &mut self.flows {
            match lane.flow.open() {
                Ok(()) | Err(Error::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let timeout = Instant::now() + self.settings.timeout;
        let deadline = self.deadline.map_or(timeout, |end| end.min(timeout));
        while self.flows.iter().any(|lane| lane.flow.is_opening()) && !self.control.is_stopped() {
            let patience = deadline.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                break;
            }
            self.wait(Some(patience))?;
            for lane in &mut self.flows {
                // Nobody has spoken, so nothing can come but the connection's own fate.
                lane.flow.receive(&self.texts, &mut self.answer);
            }
        }
        Ok(())
    }

    fn probe(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let settings = self.settings;
        let count = match (settings.count, settings.expect) {
            (None, Some(_)) => Some(PROBES_BEFORE_SILENCE),
            (count, _) => count,
        };
        let mut schedule = Schedule::new(self.start, settings.interval, count);
        let deadline = self.deadline;
        let mut settled_since = None;
        loop {
            if self.control.take_report() && observer.interim(&self.summary()).is_break() {
                return Ok(());
            }
            let now = Instant::now();
            if self.control.is_stopped() || deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(());
            }
            if let Some(intended) = schedule.take_due(now)
                && self.send_probe(intended, observer).is_break()
            {
                return Ok(());
            }
            if self.receive_all(observer).is_break() || self.settle(observer).is_break() {
                return Ok(());
            }
            let behaviour = Behaviour::of(self.ledger.counts());
            if settings.expect.is_some() && behaviour.is_some() {
                return Ok(());
            }
            let mut next = [schedule.next_due(), self.ledger.next_overdue(), deadline];
            if schedule.next_due().is_none() && self.ledger.counts().pending == 0 {
                let since = *settled_since.get_or_insert_with(Instant::now);
                let end = since + settings.linger;
                if settings.expect.is_some() || end <= Instant::now() {
                    return Ok(());
                }
                next[1] = Some(end);
            }
            let next = next.into_iter().flatten().min();
            self.wait(next.map(|next| next.saturating_duration_since(Instant::now())))?;
        }
    }

    /// Waits for something to come on a flow or from the control.
    fn wait(&mut self, patience: Option<Duration>) -> Result<()> {
        let mut poll = PollSet::default();
        poll.add_stop(self.control.stopped_by());
        let control = poll.add(self.control.as_fd(), true, false);
        if let Some((descriptor, waits_to_write)) = self.fresh.interest() {
            poll.add(descriptor, true, waits_to_write);
        }
        let mut places = Vec::with_capacity(self.flows.len());
        for (index, lane) in self.flows.iter().enumerate() {
            if let Some((descriptor, waits_to_write)) = lane.flow.interest() {
                places.push((index, poll.add(descriptor, true, waits_to_write)));
            }
        }
        // What lies in our own buffers, poll(2) does not see.
        let patience = if self.ready.is_empty() {
            patience
        } else {
            Some(Duration::ZERO)
        };
        poll.wait(patience)
            .map_err(|source| Error::socket(Operation::Receive, &self.endpoint, source))?;
        if poll.ready(control).to_read {
            self.control.clear();
        }
        let is_ready = |place| {
            let ready = poll.ready(place);
            ready.to_read || ready.to_write
        };
        places.retain(|(index, place)| is_ready(*place) || self.ready.binary_search(index).is_ok());
        drop(poll);
        self.ready.clear();
        self.ready
            .extend(places.into_iter().map(|(index, _)| index));
        Ok(())
    }

    fn summary(&self) -> Summary {
        Summary {
            endpoint: self.endpoint.clone(),
            start: self.start,
            elapsed: self.start.elapsed(),
            counts: *self.ledger.counts(),
            round_trips: self.round_trips.summary(),
            jitter_ns: self.jitter.estimate_ns(),
            send_lag: self.send_lag.summary(),
            local_drops: self.flows.iter().map(|lane| lane.flow.local_drops()).sum(),
            outages: self.outages.clone(),
            fresh_sent: self.fresh.sent,
            fresh_answered: self.fresh.answered,
            flows: self
                .flows
                .iter()
                .enumerate()
                .map(|(index, lane)| FlowSummary {
                    counts: *self.ledger.flow_counts(index),
                    round_trips: lane.round_trips.summary(),
                    jitter_ns: lane.jitter.estimate_ns(),
                })
                .collect(),
        }
    }
}
