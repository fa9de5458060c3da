//! The ledger of one flow: which requests are outstanding, which reply settles which of them, and
//! when one is lost.
//!
//! Numbers go out in order, and replies mostly come back in order. `highest` is one more than the
//! highest number that has a reply: from there to `next` everything is in flight, and a run of
//! replies that begins there is compared as a whole. What is still open below `highest` was
//! overtaken. It is lost after its timeout, or when the flow is so far ahead that its slot is
//! needed; it never takes room in the window.

use super::books::Books;
use super::lost::LostNumbers;
use super::send_times::SendTimes;
use super::text::HEADER_LENGTH;

/// The most numbers compared to find the request of a damaged header.
const MAX_COMPARED: u64 = 1 << 12;

pub(super) struct Ledger {
    flow: u32,
    /// The oldest number that may be open.
    base: u64,
    highest: u64,
    next: u64,
    /// Numbers from here on are measured, those before belong to the warm-up.
    measured_from: u64,
    outstanding: u32,
    /// Valid from `base` to `next`.
    times: SendTimes,
    lost: LostNumbers,
}

impl Ledger {
    pub(super) fn new(flow: u32, times: SendTimes, lost: LostNumbers) -> Self {
        Self {
            flow,
            base: 0,
            highest: 0,
            next: 0,
            measured_from: u64::MAX,
            outstanding: 0,
            times,
            lost,
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

    /// How many open requests no reply has overtaken.
    pub(super) fn in_flight(&self) -> u64 {
        self.next - self.highest
    }

    /// From now on requests are measured.
    pub(super) fn begin_measuring(&mut self) {
        self.measured_from = self.next;
    }

    fn is_measured(&self, number: u64) -> bool {
        number >= self.measured_from
    }

    fn is_open(&self, number: u64) -> bool {
        (self.base..self.next).contains(&number) && !self.times.is_settled(number)
    }

    /// Requests with the next numbers were sent at `now_ns`, at most as many as there are slots.
    /// `intended_ns` is when each was due, where that is kept.
    pub(super) fn note_sent(
        &mut self,
        amount: u64,
        now_ns: u64,
        intended_ns: impl Iterator<Item = u64>,
        books: &mut Books,
    ) {
        let end = self.next + amount;
        while end - self.base > self.times.capacity() {
            self.give_up_oldest(books);
        }
        self.times.set(self.next, amount, now_ns, intended_ns);
        if self.is_measured(self.next) {
            books.record.note_sent(now_ns, amount);
        } else {
            books.record.warmup.sent += amount;
        }
        self.next = end;
        self.outstanding += amount as u32;
        books.outstanding += amount;
    }

    /// Settles a buffer of replies that are each `segment_size` long but the last.
    pub(super) fn settle_segments(
        &mut self,
        replies: &[u8],
        segment_size: usize,
        now_ns: u64,
        books: &mut Books,
    ) {
        let is_whole = segment_size == books.texts.form.answer_length();
        if is_whole && self.settle_run(replies, now_ns, books) {
            return;
        }
        if replies.is_empty() {
            self.settle_one(replies, now_ns, books);
        }
        for reply in replies.chunks(segment_size.max(1)) {
            self.settle_one(reply, now_ns, books);
        }
    }

    /// Settles replies of the right length at once if all of them are right and in order, which is
    /// the usual case, and far cheaper than one by one. On `false` nothing is settled.
    pub(super) fn settle_run(&mut self, replies: &[u8], now_ns: u64, books: &mut Books) -> bool {
        let length = books.texts.form.answer_length();
        let amount = replies.len() / length;
        let (first, end) = (self.highest, self.highest + amount as u64);
        if !replies.len().is_multiple_of(length)
            || end > self.next
            || amount > books.texts.max_run()
            || (first < self.measured_from && self.measured_from < end)
            || replies != books.texts.answers(self.flow, first, amount)
        {
            return false;
        }
        self.record_right(first, amount as u64, now_ns, books);
        if self.base == first {
            self.base = end;
        } else {
            self.times.settle(first, amount as u64);
        }
        self.highest = end;
        self.outstanding -= amount as u32;
        books.outstanding -= amount as u64;
        true
    }

    /// Right replies came to requests that are all measured, or all of the warm-up.
    fn record_right(&self, first: u64, amount: u64, now_ns: u64, books: &mut Books) {
        if self.is_measured(first) {
            self.times.record(first, amount, now_ns, &mut books.record);
        } else {
            books.record.warmup.ok += amount;
        }
    }

    /// Matches one reply with its request by the number it carries, and compares it.
    pub(super) fn settle_one(&mut self, reply: &[u8], now_ns: u64, books: &mut Books) {
        let has_length = reply.len() == books.texts.form.answer_length();
        if has_length && self.settle_run(reply, now_ns, books) {
            return;
        }
        let Some(number) = self.find_request(reply, books) else {
            let is_measured = self.measured_from < self.next;
            books.record.counts_of(is_measured).stray += 1;
            return;
        };
        let is_measured = self.is_measured(number);
        if !self.is_open(number) {
            let counts = books.record.counts_of(is_measured);
            if self.lost.remove(number) {
                counts.late += 1;
            } else {
                counts.duplicate += 1;
            }
            return;
        }
        if reply == books.texts.answers(self.flow, number, 1) {
            self.record_right(number, 1, now_ns, books);
        } else {
            books.record.counts_of(is_measured).corrupt += 1;
            books.note_wrong(self.flow, number, reply);
        }
        self.close(number, books);
        self.highest = self.highest.max(number + 1);
    }

    /// The number that a reply carries, or else the most similar one, or else the oldest open one:
    /// a reply without any trace of our header still answers some request.
    fn find_request(&self, reply: &[u8], books: &mut Books) -> Option<u64> {
        let named = books.texts.form.read_header(reply);
        let named = named.filter(|(flow, number)| *flow == self.flow && *number < self.next);
        named
            .map(|(_, number)| number)
            .or_else(|| self.most_similar(reply, books))
            .or_else(|| (self.outstanding > 0).then_some(self.base))
    }

    /// The number whose right reply shares most of this one's header, if at least half of it.
    fn most_similar(&self, reply: &[u8], books: &mut Books) -> Option<u64> {
        let first = self.next.saturating_sub(self.times.capacity());
        let first = first.max(self.next.saturating_sub(MAX_COMPARED));
        if reply.len() < HEADER_LENGTH / 2 || !books.may_compare(self.next - first) {
            return None;
        }
        let form = &books.texts.form;
        (first..self.next)
            .map(|number| (form.resemblance(reply, self.flow, number), number))
            .max_by_key(|(alike, number)| (*alike, std::cmp::Reverse(*number)))
            .filter(|(alike, _)| *alike >= HEADER_LENGTH / 2)
            .map(|(_, number)| number)
    }

    /// Settles an open number.
    fn close(&mut self, number: u64, books: &mut Books) {
        self.times.settle(number, 1);
        self.outstanding -= 1;
        books.outstanding -= 1;
        while self.base < self.next && self.times.is_settled(self.base) {
            self.base += 1;
        }
    }

    /// Open requests sent at `limit_ns` or before are lost.
    pub(super) fn expire(&mut self, limit_ns: u64, books: &mut Books) {
        while self.oldest_ns().is_some_and(|sent_ns| sent_ns <= limit_ns) {
            self.give_up_oldest(books);
        }
    }

    /// When the oldest open request was sent.
    pub(super) fn oldest_ns(&self) -> Option<u64> {
        (self.outstanding > 0).then(|| self.times.sent_ns(self.base))
    }

    /// The run was aborted: open requests count as pending.
    pub(super) fn leave_pending(&mut self, books: &mut Books) {
        for number in self.base..self.next {
            if self.is_open(number) {
                let is_measured = self.is_measured(number);
                books.record.counts_of(is_measured).pending += 1;
            }
        }
        books.outstanding -= u64::from(self.outstanding);
        self.outstanding = 0;
        (self.base, self.highest) = (self.next, self.next);
    }

    /// All open requests are lost.
    pub(super) fn give_up(&mut self, books: &mut Books) {
        while self.outstanding > 0 {
            self.give_up_oldest(books);
        }
    }

    /// There must be an open request: `base` is open while any is.
    fn give_up_oldest(&mut self, books: &mut Books) {
        let number = self.base;
        let is_measured = self.is_measured(number);
        books.record.counts_of(is_measured).lost += 1;
        self.lost.push(number);
        self.close(number, books);
        self.highest = self.highest.max(self.base);
    }
}

#[cfg(test)]
mod tests;
