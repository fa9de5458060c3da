//! Turns a batch of requests into their answers: what the datagram service does, without a socket.
//!
//! A run is turned into capitals in place, in one pass. From the first datagram in which a character
//! changes its length, each datagram of the run is answered one by one.

use capitals::{Change, Marks};

use crate::guard::{Filter, Source};
use crate::stats::{DropCause, Tally};
use bullhorn_socket::datagrams::max_run_bytes;
use bullhorn_socket::datagrams::{Answer, Inbox, Outbox, Place, Run};
use bullhorn_socket::endpoint::Endpoint;

/// Answers the batches of one worker.
#[derive(Debug)]
pub(crate) struct Answerer {
    filter: Filter,
    /// Counts what is received and what has no answer; the sender counts what is sent.
    pub(crate) tally: Tally,
    /// The most bytes that an answer may have.
    max_answer: usize,
    /// The bytes of a run that its capitals changed; kept to save the allocation.
    marks: Marks,
}

/// A run of which at least the first datagrams may be answered.
struct Admitted<'run> {
    index: usize,
    segment_size: usize,
    /// It has several datagrams, and the marks are its own.
    has_marks: bool,
    /// Set when the loop guard watches this run.
    watched: Option<Source<'run>>,
}

impl Answerer {
    pub(crate) fn new(filter: Filter, tally: Tally, max_answer: usize) -> Self {
        Self {
            filter,
            tally,
            max_answer,
            marks: Marks::default(),
        }
    }

    /// Fills `outbox` with the answers to `inbox`.
    pub(crate) fn answer(&mut self, inbox: &mut Inbox, outbox: &mut Outbox) {
        outbox.clear();
        self.filter.begin();
        let (mut datagrams, mut bytes) = (0, 0);
        for (index, (run, text)) in inbox.runs_mut().enumerate() {
            datagrams += run.datagrams();
            bytes += text.len();
            self.answer_run(index, run, text, outbox);
        }
        self.tally.count_batch(datagrams, bytes);
    }

    /// Counts the batch in `inbox` by peer, and logs its drops as far as they are due.
    pub(crate) fn settle(&mut self, endpoint: &Endpoint, inbox: &Inbox) {
        self.tally.count_peers(inbox.runs());
        self.report_drops(endpoint, inbox);
    }

    /// The same for answers to earlier batches.
    pub(crate) fn settle_delayed(&mut self, endpoint: &Endpoint, inbox: &Inbox) {
        self.tally.count_late_drops(inbox.runs());
        self.report_drops(endpoint, inbox);
    }

    fn report_drops(&mut self, endpoint: &Endpoint, inbox: &Inbox) {
        if self.tally.has_unreported_drops() {
            self.filter.report_drops(endpoint, &mut self.tally, inbox);
        }
    }

    #[inline]
    fn answer_run(&mut self, index: usize, run: &Run, mut text: &mut [u8], outbox: &mut Outbox) {
        let datagrams = run.datagrams();
        self.tally
            .count_run(datagrams, run.segment_size, text.len());
        if let Some(cause) = unanswerable(run) {
            return self.tally.count_drop(cause, datagrams, index);
        }
        let segment_size = run.segment_size.max(1);
        let admission = self.filter.admit(run);
        if admission.datagrams < datagrams {
            let refused = datagrams - admission.datagrams;
            self.tally.count_drop(admission.cause, refused, index);
            if admission.datagrams == 0 {
                return;
            }
            text = &mut text[..admission.datagrams * segment_size];
        }
        let admitted = Admitted {
            index,
            segment_size,
            has_marks: text.len() > segment_size,
            watched: admission.watched,
        };
        let result = if admitted.has_marks {
            capitals::in_segments(text, segment_size, &mut self.marks)
        } else {
            capitals::in_place(text)
        };
        let mut converted = result.converted_len;
        if converted < text.len() {
            converted -= converted % segment_size;
        }
        if converted > 0 || text.is_empty() {
            let all_changed = if admitted.has_marks {
                self.marks.all_segments_changed(segment_size, converted)
            } else {
                result.changed
            };
            self.in_place(&admitted, &text[..converted], all_changed, outbox);
        }
        self.one_by_one(&admitted, &text[converted..], outbox);
    }

    /// Answers with the capitals that have replaced their request.
    #[inline]
    fn in_place(
        &mut self,
        run: &Admitted<'_>,
        text: &[u8],
        all_changed: bool,
        outbox: &mut Outbox,
    ) {
        let mut push = |range| {
            outbox.answers.push(Answer {
                run: run.index,
                place: Place::Inbox,
                range,
                segment_size: run.segment_size,
            });
        };
        let Some(source) = run.watched.filter(|_| !all_changed) else {
            return push(0..text.len());
        };
        // The datagrams between two that are not answered are one answer.
        let (mut first, mut start) = (0, 0);
        loop {
            let end = text.len().min(start + run.segment_size);
            let changed = run.has_marks && self.marks.any(start..end);
            if !changed && !self.filter.permits_again(source, &text[start..end]) {
                let cause = DropCause::LoopSuspected;
                self.tally.count_drop(cause, 1, run.index);
                if start > first {
                    push(first..start);
                }
                first = end;
            } else if end == text.len() {
                push(first..end);
            }
            start = end;
            if start == text.len() {
                break;
            }
        }
    }

    /// Answers each datagram with separate capitals, whose length may differ.
    #[inline]
    fn one_by_one(&mut self, run: &Admitted<'_>, text: &[u8], outbox: &mut Outbox) {
        for segment in text.chunks(run.segment_size) {
            let start = outbox.grown.len();
            let change = capitals::append(segment, &mut outbox.grown);
            let length = outbox.grown.len() - start;
            let refused = if length > self.max_answer {
                Some(DropCause::AnswerTooLarge)
            } else if change == Change::Unchanged
                && run
                    .watched
                    .is_some_and(|source| !self.filter.permits_again(source, segment))
            {
                Some(DropCause::LoopSuspected)
            } else {
                None
            };
            match refused {
                Some(cause) => {
                    outbox.grown.truncate(start);
                    self.tally.count_drop(cause, 1, run.index);
                }
                None => push_grown(&mut outbox.answers, run.index, start, length),
            }
        }
    }
}

fn unanswerable(run: &Run) -> Option<DropCause> {
    if run.truncated {
        Some(DropCause::RequestTruncated)
    } else if run.control_truncated {
        Some(DropCause::DestinationUnknown)
    } else if !run.has_return_address() {
        Some(DropCause::NoReturnAddress)
    } else {
        None
    }
}

/// Adds an answer of one datagram, joined to the last one if both make a run.
fn push_grown(answers: &mut Vec<Answer>, run: usize, start: usize, length: usize) {
    if let Some(last) = answers.last_mut()
        && last.run == run
        && last.place == Place::Grown
        && last.range.len().is_multiple_of(last.segment_size)
        && (1..=last.segment_size).contains(&length)
        // The kernel would refuse to cut more, and the backend would conclude that the path cannot.
        && last.range.len() + length <= max_run_bytes(last.segment_size)
    {
        last.range.end += length;
        return;
    }
    answers.push(Answer {
        run,
        place: Place::Grown,
        range: start..start + length,
        segment_size: length.max(1),
    });
}

#[cfg(test)]
mod tests;
