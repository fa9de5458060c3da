//! Answers on their way through the bad network: delayed in order, held to be overtaken, sent.
//!
//! Knows no sockets: takes batches of answers, and gives back batches of those that are due.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use socket2::SockAddr;

use super::fate::{Fate, Kind};
use super::{Impairment, LONGEST_HOLD};
use crate::datagram::BATCH;
use crate::stats::{DropCause, ImpairTotals, Tally};
use bullhorn_socket::batch::{Answer, Inbox, Outbox, Place, Run};
use bullhorn_socket::control_message::{PacketInfo, Sender};

/// The most answers that wait; one more is dropped as from a full queue.
const MOST_WAITING: usize = 1 << 16;

/// The most answers that wait to be overtaken; one more goes its way at once.
const MOST_HELD: usize = 1 << 10;

/// The line from the server to its clients.
pub(crate) struct Line {
    impairment: Impairment,
    /// How many answers have come in.
    number: u64,
    /// In the order in which they go on.
    delayed: VecDeque<Parcel>,
    held: Vec<Parcel>,
    due: VecDeque<Parcel>,
    /// What is handed to the backend: the parcels as runs.
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    handed: Vec<Handed>,
}

/// One answer.
struct Parcel {
    peer: SockAddr,
    destination: Option<PacketInfo>,
    sender: Option<Sender>,
    bytes: Vec<u8>,
    kind: Kind,
    is_delayed: bool,
    /// When it goes on.
    at: Instant,
}

/// What a sent datagram is to be counted as.
#[derive(Clone, Copy)]
struct Handed {
    is_copy: bool,
    is_reordered: bool,
    is_corrupted: bool,
    is_delayed: bool,
}

impl Line {
    pub(crate) fn new(impairment: Impairment) -> Self {
        Self {
            impairment,
            number: 0,
            delayed: VecDeque::new(),
            held: Vec::new(),
            due: VecDeque::new(),
            inbox: Inbox::new(BATCH),
            outbox: Outbox::default(),
            handed: Vec::new(),
        }
    }

    /// Takes every answer in, and enters the lost ones in `tally`.
    pub(crate) fn take(&mut self, inbox: &Inbox, outbox: &Outbox, now: Instant, tally: &mut Tally) {
        for answer in &outbox.answers {
            let run = &inbox.runs()[answer.run];
            let bytes = outbox.bytes(inbox, answer);
            let size = answer.segment_size.max(1);
            for index in 0..answer.datagrams() {
                let end = bytes.len().min((index + 1) * size);
                self.take_one(run, &bytes[index * size..end], now, tally);
            }
        }
    }

    fn take_one(&mut self, run: &Run, bytes: &[u8], now: Instant, tally: &mut Tally) {
        let fate = Fate::of(&self.impairment, self.number);
        self.number += 1;
        if fate.kind == Kind::Lost {
            tally.count_drop(DropCause::Impaired, 1);
            tally.count_impaired(ImpairTotals {
                lost: 1,
                ..ImpairTotals::default()
            });
            return;
        }
        if self.delayed.len() + self.due.len() >= MOST_WAITING {
            tally.count_drop(DropCause::QueueFull, 1);
            return;
        }
        let mut parcel = Parcel {
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
            parcel.bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        // One that is drawn to be early still waits for those of its flow before it.
        let before = self.delayed.iter().rev();
        let mut of_flow = before.filter(|earlier| earlier.peer == parcel.peer);
        if let Some(earlier) = of_flow.next() {
            parcel.at = parcel.at.max(earlier.at);
        }
        let place = self
            .delayed
            .partition_point(|earlier| earlier.at <= parcel.at);
        self.delayed.insert(place, parcel);
    }

    /// Fills the inbox and outbox with what is due at `now`, or with everything when `flushed`.
    /// False when there is nothing.
    pub(crate) fn fill(&mut self, now: Instant, flushed: bool) -> bool {
        self.inbox.clear();
        self.outbox.clear();
        self.handed.clear();
        while self.due.len() < BATCH
            && let Some(parcel) = self.delayed.front()
            && (flushed || parcel.at <= now)
        {
            self.go_on(now);
        }
        let is_overdue = |parcel: &Parcel| flushed && self.delayed.is_empty() || parcel.at <= now;
        let (overdue, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<Vec<_>, _>(is_overdue);
        self.held = held;
        for mut parcel in overdue {
            // Nothing overtook it.
            parcel.kind = Kind::Sent;
            self.due.push_back(parcel);
        }
        while self.inbox.runs().len() + 2 <= BATCH
            && let Some(parcel) = self.due.pop_front()
        {
            let copies = if parcel.kind == Kind::Duplicated {
                2
            } else {
                1
            };
            for copy in 0..copies {
                self.hand(&parcel, copy > 0);
            }
        }
        !self.handed.is_empty()
    }

    /// The first delayed answer is through: it is due, or held to be overtaken. With it, those of
    /// its flow are due that were held.
    fn go_on(&mut self, now: Instant) {
        let Some(mut parcel) = self.delayed.pop_front() else {
            return;
        };
        if parcel.kind == Kind::Reordered && self.held.len() < MOST_HELD {
            parcel.at = now + LONGEST_HOLD;
            self.held.push(parcel);
            return;
        }
        if parcel.kind == Kind::Reordered {
            parcel.kind = Kind::Sent;
        }
        let peer = parcel.peer.clone();
        self.due.push_back(parcel);
        let (overtaken, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<Vec<_>, _>(|held| held.peer == peer);
        self.held = held;
        self.due.extend(overtaken);
    }

    fn hand(&mut self, parcel: &Parcel, is_copy: bool) {
        let length = parcel.bytes.len();
        let index = self.inbox.runs().len();
        let Some(buffer) = self.inbox.free_buffer() else {
            return;
        };
        buffer[..length].copy_from_slice(&parcel.bytes);
        self.inbox.push(Run {
            peer: parcel.peer.clone(),
            destination: parcel.destination,
            length,
            segment_size: length,
            truncated: false,
            control_truncated: false,
            sender: parcel.sender,
        });
        self.outbox.answers.push(Answer {
            run: index,
            place: Place::Inbox,
            range: 0..length,
            segment_size: length.max(1),
        });
        self.handed.push(Handed {
            is_copy,
            is_reordered: parcel.kind == Kind::Reordered,
            is_corrupted: matches!(parcel.kind, Kind::Corrupted(_)) && length > 0,
            is_delayed: parcel.is_delayed,
        });
    }

    /// Counts what the backend has sent of the last [`fill`](Self::fill).
    pub(crate) fn count(&self, tally: &mut Tally, cause: impl Fn(&std::io::Error) -> DropCause) {
        let mut impaired = ImpairTotals::default();
        let mut answered = 0;
        for (index, handed) in self.handed.iter().enumerate() {
            let mut failures = self.outbox.failures.iter();
            let failure = failures.find(|failure| failure.answer == index);
            match failure {
                Some(failure) if !handed.is_copy => tally.count_drop(cause(&failure.error), 1),
                Some(_) => {}
                None if handed.is_copy => impaired.duplicated += 1,
                None => {
                    impaired.reordered += u64::from(handed.is_reordered);
                    impaired.corrupted += u64::from(handed.is_corrupted);
                    impaired.delayed += u64::from(handed.is_delayed);
                    answered += 1;
                }
            }
        }
        tally.count_answered(answered);
        tally.count_impaired(impaired);
    }

    /// How long until something is due; `None` while nothing waits.
    pub(crate) fn patience(&self, now: Instant) -> Option<Duration> {
        if !self.due.is_empty() {
            return Some(Duration::ZERO);
        }
        let held = self.held.iter().map(|parcel| parcel.at);
        let next = self.delayed.front().map(|parcel| parcel.at);
        let next = held.chain(next).min()?;
        Some(next.saturating_duration_since(now))
    }
}
