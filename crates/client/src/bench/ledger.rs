//! The ledger of one flow: which numbers are under way, which answer settles which of them, and
//! when one is lost.
//!
//! Numbers go out in order, and answers mostly come back in order. `highest` is one more than the
//! highest number answered: from there to `next` everything is under way, and a run of answers
//! that begins there is compared as a whole. What is still open below it was overtaken. It is lost
//! when its time is up, or when the flow has gone so far ahead that its place is needed; it never
//! holds up the window. How answers travel is not known here.

use std::collections::VecDeque;
use std::ops::Range;

use super::record::Record;
use super::text::{HEADER_LENGTH, Texts};

/// Marks a settled number in the list of send times.
const SETTLED: u64 = 0;

/// The most numbers looked at to find whose a damaged header was.
const MAX_COMPARED: u64 = 1 << 12;

/// The most numbers looked at for all damaged headers of one turn. A server that sends nothing else
/// would keep a worker from its clock.
const MAX_COMPARED_PER_TURN: u64 = 1 << 16;

/// What all ledgers of a worker share.
pub(super) struct Books {
    pub(super) texts: Texts,
    pub(super) record: Record,
    /// Requests under way, of all flows.
    pub(super) outstanding: u64,
    /// How many more numbers may be looked at for damaged headers in this turn.
    comparisons: u64,
}

impl Books {
    pub(super) fn new(texts: Texts, record: Record) -> Self {
        Self {
            texts,
            record,
            outstanding: 0,
            comparisons: MAX_COMPARED_PER_TURN,
        }
    }

    /// A worker polls at a flow once.
    pub(super) fn begin_turn(&mut self) {
        self.comparisons = MAX_COMPARED_PER_TURN;
    }
}

pub(super) struct Ledger {
    flow: u32,
    /// The oldest number that may be open.
    base: u64,
    highest: u64,
    next: u64,
    /// Numbers from here on are measured, those before were for warming up.
    measured_from: u64,
    outstanding: u32,
    /// When each number was sent, by number modulo the length, a power of two. Never
    /// [`SETTLED`] for one that is open; stale below `base`, and not read there.
    sent_ns: Box<[u64]>,
    /// When it was to be sent; empty where that is the same.
    intended_ns: Box<[u64]>,
    /// The last lost numbers, so that a late answer is not taken for a duplicate.
    lost: VecDeque<u64>,
    most_lost: usize,
}

impl Ledger {
    /// A ledger of at least `capacity` places, which remembers `most_lost` numbers that were lost.
    /// `has_schedule` keeps intended times apart.
    pub(super) fn new(flow: u32, capacity: usize, most_lost: usize, has_schedule: bool) -> Self {
        let capacity = capacity.next_power_of_two();
        Self {
            flow,
            base: 0,
            highest: 0,
            next: 0,
            measured_from: u64::MAX,
            outstanding: 0,
            sent_ns: vec![SETTLED; capacity].into(),
            intended_ns: vec![0; if has_schedule { capacity } else { 0 }].into(),
            lost: VecDeque::new(),
            most_lost,
        }
    }

    pub(super) fn flow(&self) -> u32 {
        self.flow
    }

    /// The next number to send.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// How many requests are open.
    pub(super) fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// How many requests are under way that no answer has overtaken.
    pub(super) fn in_flight(&self) -> u64 {
        self.next - self.highest
    }

    /// From now on requests are measured.
    pub(super) fn begin_measuring(&mut self) {
        self.measured_from = self.next;
    }

    fn place(&self, number: u64) -> usize {
        number as usize & (self.sent_ns.len() - 1)
    }

    /// The places of consecutive numbers, which may begin anew at the end of the list.
    fn places(&self, first: u64, amount: u64) -> [Range<usize>; 2] {
        let begin = self.place(first);
        let end = begin + amount as usize;
        let length = self.sent_ns.len();
        [begin..end.min(length), 0..end.saturating_sub(length)]
    }

    fn is_open(&self, number: u64) -> bool {
        (self.base..self.next).contains(&number) && self.sent_ns[self.place(number)] != SETTLED
    }

    /// Requests with the next numbers were handed to the kernel at `now_ns`, at most as many as
    /// there are places. `intended_ns` says when each was to be, where that is kept.
    pub(super) fn note_sent(
        &mut self,
        amount: u64,
        now_ns: u64,
        intended_ns: impl Iterator<Item = u64>,
        books: &mut Books,
    ) {
        let end = self.next + amount;
        while end - self.base > self.sent_ns.len() as u64 {
            self.give_up_oldest(books);
        }
        for places in self.places(self.next, amount) {
            self.sent_ns[places].fill(now_ns);
        }
        if !self.intended_ns.is_empty() {
            for (number, intended_ns) in (self.next..end).zip(intended_ns) {
                self.intended_ns[self.place(number)] = intended_ns;
            }
        }
        if self.next >= self.measured_from {
            books.record.note_sent(now_ns, amount);
        } else {
            books.record.warmup.sent += amount;
        }
        self.next = end;
        self.outstanding += amount as u32;
        books.outstanding += amount;
    }

    /// Settles a buffer of answers that are each `segment_size` long but the last.
    pub(super) fn settle_segments(
        &mut self,
        answers: &[u8],
        segment_size: usize,
        now_ns: u64,
        books: &mut Books,
    ) {
        let is_whole = segment_size == books.texts.form.answer_length();
        if is_whole && self.settle_run(answers, now_ns, books) {
            return;
        }
        if answers.is_empty() {
            self.settle_one(answers, now_ns, books);
        }
        for answer in answers.chunks(segment_size.max(1)) {
            self.settle_one(answer, now_ns, books);
        }
    }

    /// Settles answers of the right length at once if all of them are right and in order, which is
    /// the usual case, and far cheaper than one by one. False: nothing is settled.
    pub(super) fn settle_run(&mut self, answers: &[u8], now_ns: u64, books: &mut Books) -> bool {
        let length = books.texts.form.answer_length();
        let amount = answers.len() / length;
        let (first, end) = (self.highest, self.highest + amount as u64);
        if !answers.len().is_multiple_of(length)
            || end > self.next
            || amount > books.texts.most()
            || (first < self.measured_from && self.measured_from < end)
            || answers != books.texts.answers(self.flow, first, amount)
        {
            return false;
        }
        if first >= self.measured_from {
            self.record_latencies(first, amount as u64, now_ns, &mut books.record);
        } else {
            books.record.warmup.ok += amount as u64;
        }
        if self.base == first {
            self.base = end;
        } else {
            for places in self.places(first, amount as u64) {
                self.sent_ns[places].fill(SETTLED);
            }
        }
        self.highest = end;
        self.outstanding -= amount as u32;
        books.outstanding -= amount as u64;
        true
    }

    fn record_latencies(&self, first: u64, amount: u64, now_ns: u64, record: &mut Record) {
        record.note_ok(now_ns, amount);
        let by_send = match &mut record.service {
            Some(service) => service,
            None => &mut record.latency,
        };
        for places in self.places(first, amount) {
            // Requests that left together share their time, and are recorded together.
            for alike in self.sent_ns[places].chunk_by(u64::eq) {
                by_send.saturating_record_n(now_ns.saturating_sub(alike[0]), alike.len() as u64);
            }
        }
        if !self.intended_ns.is_empty() {
            for places in self.places(first, amount) {
                for intended_ns in &self.intended_ns[places] {
                    record
                        .latency
                        .saturating_record(now_ns.saturating_sub(*intended_ns));
                }
            }
        }
    }

    /// Matches one answer with its request by the number it carries, and compares it.
    pub(super) fn settle_one(&mut self, answer: &[u8], now_ns: u64, books: &mut Books) {
        if answer.len() == books.texts.form.answer_length()
            && self.settle_run(answer, now_ns, books)
        {
            return;
        }
        let named = books.texts.form.read_header(answer);
        let number = match named {
            Some((flow, number)) if flow == self.flow && number < self.next => number,
            _ => match self.most_alike(answer, books) {
                Some(number) => number,
                // Nothing of ours is left in it, and yet it answers something.
                None if self.outstanding > 0 => self.oldest_open(),
                None => {
                    books.record.counts_of(self.measured_from < self.next).stray += 1;
                    return;
                }
            },
        };
        let is_measured = number >= self.measured_from;
        if !self.is_open(number) {
            let counts = books.record.counts_of(is_measured);
            match self.lost.binary_search(&number) {
                Ok(index) => {
                    self.lost.remove(index);
                    counts.late += 1;
                }
                Err(_) => counts.duplicate += 1,
            }
            return;
        }
        if answer == books.texts.answers(self.flow, number, 1) {
            if is_measured {
                self.record_latencies(number, 1, now_ns, &mut books.record);
            } else {
                books.record.warmup.ok += 1;
            }
        } else {
            books.record.counts_of(is_measured).corrupt += 1;
        }
        self.close(number, books);
        self.highest = self.highest.max(number + 1);
    }

    /// The number whose right answer has most of this one's header, if it has half of it.
    fn most_alike(&self, answer: &[u8], books: &mut Books) -> Option<u64> {
        let first = self.next.saturating_sub(self.sent_ns.len() as u64);
        let first = first.max(self.next.saturating_sub(MAX_COMPARED));
        if answer.len() < HEADER_LENGTH / 2 || books.comparisons < self.next - first {
            return None;
        }
        books.comparisons -= self.next - first;
        let form = &books.texts.form;
        (first..self.next)
            .map(|number| (form.resemblance(answer, self.flow, number), number))
            .max_by_key(|(alike, number)| (*alike, std::cmp::Reverse(*number)))
            .filter(|(alike, _)| *alike >= HEADER_LENGTH / 2)
            .map(|(_, number)| number)
    }

    /// The oldest open number; there must be one.
    fn oldest_open(&self) -> u64 {
        let mut number = self.base;
        while number < self.next && !self.is_open(number) {
            number += 1;
        }
        number
    }

    /// Strikes an open number off.
    fn close(&mut self, number: u64, books: &mut Books) {
        self.sent_ns[self.place(number)] = SETTLED;
        self.outstanding -= 1;
        books.outstanding -= 1;
        while self.base < self.next && self.sent_ns[self.place(self.base)] == SETTLED {
            self.base += 1;
        }
    }

    /// What was sent at `limit_ns` or before is lost.
    pub(super) fn expire(&mut self, limit_ns: u64, books: &mut Books) {
        while self.outstanding > 0 && self.sent_ns[self.place(self.base)] <= limit_ns {
            self.give_up_oldest(books);
        }
    }

    /// When the oldest open request was sent.
    pub(super) fn oldest_ns(&self) -> Option<u64> {
        (self.outstanding > 0).then(|| self.sent_ns[self.place(self.base)])
    }

    /// The run is broken off: what is under way stays so.
    pub(super) fn leave_pending(&mut self, books: &mut Books) {
        for number in self.base..self.next {
            if self.is_open(number) {
                books.record.counts_of(number >= self.measured_from).pending += 1;
            }
        }
        books.outstanding -= u64::from(self.outstanding);
        self.outstanding = 0;
        (self.base, self.highest) = (self.next, self.next);
    }

    /// What is under way will not be answered any more.
    pub(super) fn give_up(&mut self, books: &mut Books) {
        while self.outstanding > 0 {
            self.give_up_oldest(books);
        }
    }

    /// There must be one: `base` is open while anything is.
    fn give_up_oldest(&mut self, books: &mut Books) {
        let number = self.base;
        books.record.counts_of(number >= self.measured_from).lost += 1;
        if self.lost.len() >= self.most_lost {
            self.lost.pop_front();
        }
        // Given up in order, so the list stays sorted.
        self.lost.push_back(number);
        self.close(number, books);
        self.highest = self.highest.max(self.base);
    }
}

#[cfg(test)]
mod tests;
