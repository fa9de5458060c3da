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
use super::text::{HEADER, Texts};

/// Marks a settled number in the list of send times.
const SETTLED: u64 = 0;

/// The most lost numbers remembered, so that a late answer is not taken for a duplicate.
const MOST_LOST: usize = 1 << 16;

/// The most numbers looked at to find whose a damaged header was.
const MOST_COMPARED: u64 = 1 << 12;

/// What all ledgers of a worker share.
pub(super) struct Desk {
    pub(super) texts: Texts,
    pub(super) record: Record,
    /// Requests under way, of all flows.
    pub(super) outstanding: u64,
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
    lost: VecDeque<u64>,
}

impl Ledger {
    /// A ledger of at least `capacity` places. `has_schedule` keeps intended times apart.
    pub(super) fn new(flow: u32, capacity: usize, has_schedule: bool) -> Self {
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
    /// there are places. `intended_ns` says when each was to be, counted from the first.
    pub(super) fn note_sent(
        &mut self,
        amount: u64,
        now_ns: u64,
        intended_ns: impl Fn(u64) -> u64,
        desk: &mut Desk,
    ) {
        let end = self.next + amount;
        while end - self.base > self.sent_ns.len() as u64 {
            self.give_up_oldest(desk);
        }
        for places in self.places(self.next, amount) {
            self.sent_ns[places].fill(now_ns);
        }
        if !self.intended_ns.is_empty() {
            for index in 0..amount {
                self.intended_ns[self.place(self.next + index)] = intended_ns(index);
            }
        }
        if self.next >= self.measured_from {
            desk.record.note_sent(now_ns, amount);
        } else {
            desk.record.warmup.sent += amount;
        }
        self.next = end;
        self.outstanding += amount as u32;
        desk.outstanding += amount;
    }

    /// Settles a buffer of answers that are each `segment_size` long but the last.
    pub(super) fn settle_segments(
        &mut self,
        answers: &[u8],
        segment_size: usize,
        now_ns: u64,
        desk: &mut Desk,
    ) {
        let is_whole = segment_size == desk.texts.form.answer_length();
        if is_whole && self.settle_run(answers, now_ns, desk) {
            return;
        }
        if answers.is_empty() {
            self.settle_one(answers, now_ns, desk);
        }
        for answer in answers.chunks(segment_size.max(1)) {
            self.settle_one(answer, now_ns, desk);
        }
    }

    /// Settles answers of the right length at once if all of them are right and in order, which is
    /// the usual case, and far cheaper than one by one. False: nothing is settled.
    pub(super) fn settle_run(&mut self, answers: &[u8], now_ns: u64, desk: &mut Desk) -> bool {
        let length = desk.texts.form.answer_length();
        let amount = answers.len() / length;
        let (first, end) = (self.highest, self.highest + amount as u64);
        if !answers.len().is_multiple_of(length)
            || end > self.next
            || amount > desk.texts.most()
            || (first < self.measured_from && self.measured_from < end)
            || answers != desk.texts.answers(self.flow, first, amount)
        {
            return false;
        }
        if first >= self.measured_from {
            self.record_latencies(first, amount as u64, now_ns, &mut desk.record);
        } else {
            desk.record.warmup.ok += amount as u64;
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
        desk.outstanding -= amount as u64;
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
    pub(super) fn settle_one(&mut self, answer: &[u8], now_ns: u64, desk: &mut Desk) {
        if answer.len() == desk.texts.form.answer_length() && self.settle_run(answer, now_ns, desk)
        {
            return;
        }
        let named = desk.texts.form.read_header(answer);
        let number = match named {
            Some((flow, number)) if flow == self.flow && number < self.next => number,
            _ => match self.most_alike(answer, &desk.texts) {
                Some(number) => number,
                // Nothing of ours is left in it, and yet it answers something.
                None if self.outstanding > 0 => self.oldest_open(),
                None => {
                    desk.record.counts_of(self.measured_from < self.next).stray += 1;
                    return;
                }
            },
        };
        let is_measured = number >= self.measured_from;
        if !self.is_open(number) {
            let counts = desk.record.counts_of(is_measured);
            match self.lost.binary_search(&number) {
                Ok(index) => {
                    self.lost.remove(index);
                    counts.late += 1;
                }
                Err(_) => counts.duplicate += 1,
            }
            return;
        }
        if answer == desk.texts.answers(self.flow, number, 1) {
            if is_measured {
                self.record_latencies(number, 1, now_ns, &mut desk.record);
            } else {
                desk.record.warmup.ok += 1;
            }
        } else {
            desk.record.counts_of(is_measured).corrupt += 1;
        }
        self.close(number, desk);
        self.highest = self.highest.max(number + 1);
    }

    /// The number whose right answer has most of this one's header, if it has half of it.
    fn most_alike(&self, answer: &[u8], texts: &Texts) -> Option<u64> {
        let span = (self.sent_ns.len() as u64).min(MOST_COMPARED);
        (self.next.saturating_sub(span)..self.next)
            .map(|number| (texts.form.resemblance(answer, self.flow, number), number))
            .max_by_key(|(alike, number)| (*alike, std::cmp::Reverse(*number)))
            .filter(|(alike, _)| *alike >= HEADER / 2)
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
    fn close(&mut self, number: u64, desk: &mut Desk) {
        self.sent_ns[self.place(number)] = SETTLED;
        self.outstanding -= 1;
        desk.outstanding -= 1;
        while self.base < self.next && self.sent_ns[self.place(self.base)] == SETTLED {
            self.base += 1;
        }
    }

    /// What was sent at `limit_ns` or before is lost.
    pub(super) fn expire(&mut self, limit_ns: u64, desk: &mut Desk) {
        while self.outstanding > 0 && self.sent_ns[self.place(self.base)] <= limit_ns {
            self.give_up_oldest(desk);
        }
    }

    /// When the oldest open request was sent.
    pub(super) fn oldest_ns(&self) -> Option<u64> {
        (self.outstanding > 0).then(|| self.sent_ns[self.place(self.base)])
    }

    /// The run is broken off: what is under way stays so.
    pub(super) fn leave_pending(&mut self, desk: &mut Desk) {
        for number in self.base..self.next {
            if self.is_open(number) {
                desk.record.counts_of(number >= self.measured_from).pending += 1;
            }
        }
        desk.outstanding -= u64::from(self.outstanding);
        self.outstanding = 0;
        (self.base, self.highest) = (self.next, self.next);
    }

    /// What is under way will not be answered any more.
    pub(super) fn give_up(&mut self, desk: &mut Desk) {
        while self.outstanding > 0 {
            self.give_up_oldest(desk);
        }
    }

    /// There must be one: `base` is open while anything is.
    fn give_up_oldest(&mut self, desk: &mut Desk) {
        let number = self.base;
        desk.record.counts_of(number >= self.measured_from).lost += 1;
        if self.lost.len() == MOST_LOST {
            self.lost.pop_front();
        }
        // Given up in order, so the list stays sorted.
        self.lost.push_back(number);
        self.close(number, desk);
        self.highest = self.highest.max(self.base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::Counts;
    use crate::bench::text::Form;
    use proptest::prelude::*;

    const FLOW: u32 = 5;

    fn desk(size: usize) -> Desk {
        Desk {
            texts: Texts::new(Form::new(size, None, false), 64),
            record: Record::new(0, false),
            outstanding: 0,
        }
    }

    fn ledger(capacity: usize) -> Ledger {
        let mut ledger = Ledger::new(FLOW, capacity, false);
        ledger.begin_measuring();
        ledger
    }

    fn send(ledger: &mut Ledger, amount: u64, now_ns: u64, desk: &mut Desk) {
        ledger.note_sent(amount, now_ns, |_| now_ns, desk);
    }

    fn answer(number: u64, desk: &mut Desk) -> Vec<u8> {
        desk.texts.answers(FLOW, number, 1).to_vec()
    }

    #[test]
    fn a_run_in_order_is_settled_at_once_and_timed_by_its_sends() {
        let (mut desk, mut ledger) = (desk(64), ledger(256));
        send(&mut ledger, 10, 100, &mut desk);
        send(&mut ledger, 20, 300, &mut desk);
        let answers = desk.texts.answers(FLOW, 0, 30).to_vec();
        assert!(ledger.settle_run(&answers, 1_100, &mut desk));
        assert_eq!((desk.record.counts.ok, desk.outstanding), (30, 0));
        assert_eq!(desk.record.latency.count_at(1_000), 10);
        assert_eq!(desk.record.latency.count_at(800), 20);
    }

    #[test]
    fn what_was_overtaken_holds_up_nothing_and_is_lost_when_its_place_is_needed() {
        let (mut desk, mut ledger) = (desk(64), ledger(256));
        send(&mut ledger, 2, 1, &mut desk);
        for number in 1..300 {
            let right = answer(number, &mut desk);
            ledger.settle_one(&right, 2, &mut desk);
            assert_eq!(ledger.in_flight(), 0);
            send(&mut ledger, 1, 2, &mut desk);
        }
        assert_eq!((desk.record.counts.ok, desk.record.counts.lost), (299, 1));
        let late = answer(0, &mut desk);
        ledger.settle_one(&late, 3, &mut desk);
        ledger.settle_one(&late, 3, &mut desk);
        assert_eq!(
            (desk.record.counts.late, desk.record.counts.duplicate),
            (1, 1)
        );
    }

    #[test]
    fn an_echo_and_an_empty_answer_and_nonsense_are_corrupt() {
        let (mut desk, mut ledger) = (desk(64), ledger(256));
        send(&mut ledger, 3, 1, &mut desk);
        let echo = desk.texts.requests(FLOW, 1, 1).to_vec();
        ledger.settle_one(&echo, 2, &mut desk);
        assert!(!ledger.is_open(1));
        ledger.settle_segments(&[], 0, 2, &mut desk);
        ledger.settle_one(b"404 NOT FOUND", 2, &mut desk);
        assert_eq!((desk.record.counts.corrupt, desk.outstanding), (3, 0));
        ledger.settle_one(b"404 NOT FOUND", 2, &mut desk);
        assert_eq!(desk.record.counts.stray, 1);
    }

    #[test]
    fn requests_of_the_warm_up_are_counted_apart() {
        let mut desk = desk(64);
        let mut ledger = Ledger::new(FLOW, 256, false);
        send(&mut ledger, 4, 1, &mut desk);
        ledger.begin_measuring();
        send(&mut ledger, 4, 2, &mut desk);
        let answers = desk.texts.answers(FLOW, 0, 8).to_vec();
        ledger.settle_segments(&answers, 64, 3, &mut desk);
        let four = Counts {
            sent: 4,
            ok: 4,
            ..Counts::default()
        };
        assert_eq!((desk.record.counts, desk.record.warmup), (four, four));
        assert_eq!(desk.record.latency.len(), 4);
    }

    /// What becomes of one request.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Fate {
        Right,
        Lost,
        Late,
        Corrupt(usize),
        Twice,
        TwiceAndDamaged(usize),
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            6 => Just(Fate::Right),
            1 => Just(Fate::Lost),
            1 => Just(Fate::Late),
            1 => (0..64usize).prop_map(Fate::Corrupt),
            1 => Just(Fate::Twice),
            1 => (0..64usize).prop_map(Fate::TwiceAndDamaged),
        ]
    }

    proptest! {
        #[test]
        fn every_fate_is_found_out(
            bursts in proptest::collection::vec(proptest::collection::vec(fate(), 1..40), 1..20),
            swaps in proptest::collection::vec(0..1000usize, 0..20),
            segments in 1..10usize,
        ) {
            let (mut desk, mut ledger) = (desk(64), ledger(1024));
            let mut expected = Counts::default();
            let mut late = Vec::new();
            for fates in &bursts {
                let first = ledger.next();
                send(&mut ledger, fates.len() as u64, 10, &mut desk);
                let mut answers = Vec::new();
                for (number, fate) in (first..).zip(fates) {
                    let right = answer(number, &mut desk);
                    let damaged = |at: usize| {
                        let mut wrong = right.clone();
                        wrong[at] ^= 0x55;
                        wrong
                    };
                    expected.sent += 1;
                    match *fate {
                        Fate::Right => expected.ok += 1,
                        Fate::Lost => expected.lost += 1,
                        Fate::Late => {
                            expected.lost += 1;
                            expected.late += 1;
                            late.push(right.clone());
                        }
                        Fate::Corrupt(_) => expected.corrupt += 1,
                        Fate::Twice | Fate::TwiceAndDamaged(_) => {
                            expected.ok += 1;
                            expected.duplicate += 1;
                        }
                    }
                    match *fate {
                        Fate::Lost | Fate::Late => {}
                        Fate::Corrupt(at) => answers.push(vec![damaged(at)]),
                        Fate::Twice => answers.push(vec![right.clone(), right]),
                        Fate::TwiceAndDamaged(at) => answers.push(vec![right.clone(), damaged(at)]),
                        Fate::Right => answers.push(vec![right]),
                    }
                }
                for swap in &swaps {
                    if answers.len() > 1 {
                        let at = swap % (answers.len() - 1);
                        answers.swap(at, at + 1);
                    }
                }
                let answers = answers.concat();
                for run in answers.chunks(segments) {
                    ledger.settle_segments(&run.concat(), 64, 20, &mut desk);
                    let counts = &desk.record.counts;
                    prop_assert_eq!(counts.sent, counts.ok + counts.corrupt + counts.lost + desk.outstanding);
                }
            }
            ledger.expire(10, &mut desk);
            for answer in late {
                ledger.settle_one(&answer, 30, &mut desk);
            }
            prop_assert_eq!(desk.record.counts, expected);
            prop_assert!(expected.is_balanced());
            prop_assert_eq!(desk.record.latency.len(), expected.ok);
            prop_assert_eq!((desk.outstanding, ledger.outstanding(), ledger.in_flight()), (0, 0, 0));
        }

        #[test]
        fn the_sums_hold_whatever_comes(
            steps in proptest::collection::vec((0..4u8, 0..80u64, proptest::collection::vec(any::<u8>(), 0..80)), 0..60),
        ) {
            let (mut desk, mut ledger) = (desk(32), ledger(256));
            for (now_ns, (kind, number, bytes)) in (1..).zip(steps) {
                match kind {
                    0 => send(&mut ledger, 1 + number % 64, now_ns, &mut desk),
                    1 => ledger.settle_segments(&bytes, number as usize % 33, now_ns, &mut desk),
                    2 => {
                        let known = answer(number, &mut desk);
                        ledger.settle_one(&known, now_ns, &mut desk);
                    }
                    _ => ledger.expire(now_ns.saturating_sub(number), &mut desk),
                }
                let counts = &desk.record.counts;
                prop_assert_eq!(counts.sent, counts.ok + counts.corrupt + counts.lost + desk.outstanding);
                prop_assert_eq!(desk.outstanding, u64::from(ledger.outstanding()));
            }
            ledger.leave_pending(&mut desk);
            prop_assert!(desk.record.counts.is_balanced());
        }
    }
}
