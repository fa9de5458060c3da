//! Answers on their way through the bad network: delayed in order, held back to be overtaken, sent.
//!
//! Knows no sockets: takes batches of answers, and returns batches of those that are due.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bullhorn_socket::Address;

use super::fate::{Fate, Kind};
use super::impairment::Impairment;
use crate::stats::{DropCause, ImpairTotals, Tally};
use bullhorn_socket::datagrams::{Answer, Inbox, Outbox, Place, Run};
use bullhorn_socket::datagrams::{PacketInfo, Sender};

/// The most answers that wait; further ones are dropped as from a full queue.
const MAX_DELAYED: usize = 1 << 16;

/// The most answers that wait to be overtaken; further ones are sent at once.
const MAX_HELD: usize = 1 << 10;

/// The longest time that an answer waits to be overtaken; when none has overtaken it by then, it is
/// sent, and was not reordered.
const MAX_HOLD: Duration = Duration::from_millis(500);

/// The link from the server to its clients.
pub(crate) struct Link {
    impairment: Impairment,
    batch: usize,
    /// How many answers have come in.
    number: u64,
    /// In the order in which they leave.
    delayed: VecDeque<Packet>,
    held: Vec<Packet>,
    due: VecDeque<Packet>,
    /// What the backend sends: the packets as runs.
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    queued: Vec<Queued>,
}

/// One answer.
struct Packet {
    peer: Address,
    destination: Option<PacketInfo>,
    sender: Option<Sender>,
    bytes: Vec<u8>,
    kind: Kind,
    is_delayed: bool,
    /// When it leaves.
    at: Instant,
}

/// How to count a datagram once it is sent.
#[derive(Clone, Copy)]
struct Queued {
    is_copy: bool,
    is_reordered: bool,
    is_corrupted: bool,
    is_delayed: bool,
}

impl Link {
    /// Sends at most `batch` datagrams at once.
    pub(crate) fn new(impairment: Impairment, batch: usize) -> Self {
        Self {
            impairment,
            number: 0,
            delayed: VecDeque::new(),
            held: Vec::new(),
            due: VecDeque::new(),
            inbox: Inbox::new(batch),
            batch,
            outbox: Outbox::default(),
            queued: Vec::new(),
        }
    }

    /// Accepts every answer, and counts the lost ones in `tally`.
    pub(crate) fn take(&mut self, inbox: &Inbox, outbox: &Outbox, now: Instant, tally: &mut Tally) {
        for answer in &outbox.answers {
            let run = &inbox.runs()[answer.run];
            let bytes = outbox.bytes(inbox, answer);
            let size = answer.segment_size.max(1);
            for index in 0..answer.datagrams() {
                let end = bytes.len().min((index + 1) * size);
                self.take_one((answer.run, run), &bytes[index * size..end], now, tally);
            }
        }
    }

    fn take_one(&mut self, run: (usize, &Run), bytes: &[u8], now: Instant, tally: &mut Tally) {
        let (index, run) = run;
        let fate = Fate::of(&self.impairment, self.number);
        self.number += 1;
        if fate.kind == Kind::Lost {
            tally.count_drop(DropCause::Impaired, 1, index);
            tally.count_impaired(ImpairTotals {
                lost: 1,
                ..ImpairTotals::default()
            });
            return;
        }
        if self.delayed.len() + self.due.len() >= MAX_DELAYED {
            tally.count_drop(DropCause::QueueFull, 1, index);
            return;
        }
        let mut packet = Packet {
            peer: run.peer.clone(),
            destination: run.destination,
            sender: run.sender,
            bytes: bytes.to_vec(),
            kind: fate.kind,
            is_delayed: fate.delay.is_some(),
            at: now + fate.delay.unwrap_or_default(),
        };
        if let Kind::Corrupted(random) = fate.kind
            && !bytes.is_empty()
        {
            let bit = random % (8 * bytes.len() as u64);
            packet.bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        // Delay keeps the order of a flow.
        let before = self.delayed.iter().rev();
        let mut of_flow = before.filter(|earlier| earlier.peer == packet.peer);
        if let Some(earlier) = of_flow.next() {
            packet.at = packet.at.max(earlier.at);
        }
        let index = self
            .delayed
            .partition_point(|earlier| earlier.at <= packet.at);
        self.delayed.insert(index, packet);
    }

    /// Fills the inbox and outbox with what is due at `now`, or with everything when `flushed`.
    /// False when there is nothing.
    pub(crate) fn fill(&mut self, now: Instant, flushed: bool) -> bool {
        self.inbox.clear();
        self.outbox.clear();
        self.queued.clear();
        while self.due.len() < self.batch
            && let Some(packet) = self.delayed.front()
            && (flushed || packet.at <= now)
        {
            self.advance(now);
        }
        let is_overdue = |packet: &Packet| flushed && self.delayed.is_empty() || packet.at <= now;
        let (overdue, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<Vec<_>, _>(is_overdue);
        self.held = held;
        for mut packet in overdue {
            // Nothing overtook it.
            packet.kind = Kind::Sent;
            self.due.push_back(packet);
        }
        while self.inbox.runs().len() + 2 <= self.batch
            && let Some(packet) = self.due.pop_front()
        {
            let copies = if packet.kind == Kind::Duplicated {
                2
            } else {
                1
            };
            for copy in 0..copies {
                self.enqueue(&packet, copy > 0);
            }
        }
        !self.queued.is_empty()
    }

    /// Moves the first delayed answer on: it is due, or held to be overtaken. With it, those of
    /// its flow are due that were held.
    fn advance(&mut self, now: Instant) {
        let Some(mut packet) = self.delayed.pop_front() else {
            return;
        };
        if packet.kind == Kind::Reordered && self.held.len() < MAX_HELD {
            packet.at = now + MAX_HOLD;
            self.held.push(packet);
            return;
        }
        if packet.kind == Kind::Reordered {
            packet.kind = Kind::Sent;
        }
        let peer = packet.peer.clone();
        self.due.push_back(packet);
        let (overtaken, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<Vec<_>, _>(|held| held.peer == peer);
        self.held = held;
        self.due.extend(overtaken);
    }

    fn enqueue(&mut self, packet: &Packet, is_copy: bool) {
        let length = packet.bytes.len();
        let index = self.inbox.runs().len();
        let Some(buffer) = self.inbox.free_buffer() else {
            return;
        };
        buffer[..length].copy_from_slice(&packet.bytes);
        let mut run = Run::new(packet.peer.clone(), length, length);
        run.destination = packet.destination;
        run.sender = packet.sender;
        self.inbox.push(run);
        self.outbox.answers.push(Answer {
            run: index,
            place: Place::Inbox,
            range: 0..length,
            segment_size: length.max(1),
        });
        self.queued.push(Queued {
            is_copy,
            is_reordered: packet.kind == Kind::Reordered,
            is_corrupted: matches!(packet.kind, Kind::Corrupted(_)) && length > 0,
            is_delayed: packet.is_delayed,
        });
    }

    /// Counts what the backend has sent of the last [`fill`](Self::fill).
    pub(crate) fn count(&self, tally: &mut Tally, cause: impl Fn(&std::io::Error) -> DropCause) {
        let mut impaired = ImpairTotals::default();
        let mut answered = 0;
        for (index, queued) in self.queued.iter().enumerate() {
            let mut failures = self.outbox.failures.iter();
            let failure = failures.find(|failure| failure.answer == index);
            match failure {
                Some(failure) if !queued.is_copy => {
                    tally.count_drop(cause(&failure.error), 1, index);
                }
                Some(_) => {}
                None if queued.is_copy => impaired.duplicated += 1,
                None => {
                    impaired.reordered += u64::from(queued.is_reordered);
                    impaired.corrupted += u64::from(queued.is_corrupted);
                    impaired.delayed += u64::from(queued.is_delayed);
                    answered += 1;
                }
            }
        }
        tally.count_answered(answered);
        tally.count_impaired(impaired);
    }

    /// The time until something is due; `None` while nothing waits.
    pub(crate) fn next_due(&self, now: Instant) -> Option<Duration> {
        if !self.due.is_empty() {
            return Some(Duration::ZERO);
        }
        let held = self.held.iter().map(|packet| packet.at);
        let next = self.delayed.front().map(|packet| packet.at);
        let next = held.chain(next).min()?;
        Some(next.saturating_duration_since(now))
    }
}
