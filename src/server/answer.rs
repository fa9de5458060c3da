//! From a batch of requests to their answers: the whole meaning of the datagram service, without
//! a socket.
//!
//! A run is turned into capitals where it lies, in one pass. From the first datagram in which a
//! character changes its length on, each datagram of the run is answered by itself.

use super::stats::{DropCause, Tally};
use crate::socket::batch::{Answer, Inbox, Outbox, Place};
use crate::uppercase;

/// Makes the answers to every run of `inbox`; `limit` is the most bytes that an answer may have.
/// `tally` gets what was received and what has no answer; what is sent is counted after sending.
pub(super) fn answer(inbox: &mut Inbox, outbox: &mut Outbox, limit: usize, tally: &mut Tally) {
    outbox.clear();
    tally.kernel_dropped += inbox.kernel_dropped;
    for (index, (run, bytes)) in inbox.runs_mut().enumerate() {
        let datagrams = run.datagrams();
        tally.received += datagrams as u64;
        let unanswerable = if run.truncated {
            Some(DropCause::RequestTruncated)
        } else if run.control_truncated {
            Some(DropCause::DestinationUnknown)
        } else if run.peer.as_socket().is_none() && run.peer.is_unnamed() {
            Some(DropCause::NoReturnAddress)
        } else {
            None
        };
        if let Some(cause) = unanswerable {
            tally.count_drop(cause, datagrams);
            continue;
        }
        let segment_size = run.segment_size.max(1);
        let done = if is_cut_between_characters(bytes, segment_size) {
            uppercase::in_place(bytes).done
        } else {
            0
        };
        let in_place = if done == bytes.len() {
            done
        } else {
            done - done % segment_size
        };
        if in_place > 0 || bytes.is_empty() {
            outbox.answers.push(Answer {
                run: index,
                place: Place::Inbox,
                range: 0..in_place,
                segment_size,
            });
        }
        for segment in bytes[in_place..].chunks(segment_size) {
            let begin = outbox.grown.len();
            uppercase::append(segment, &mut outbox.grown);
            let length = outbox.grown.len() - begin;
            if length > limit {
                outbox.grown.truncate(begin);
                tally.count_drop(DropCause::AnswerTooLarge, 1);
            } else {
                push_grown(&mut outbox.answers, index, begin, length);
            }
        }
    }
}

/// Whether no datagram of the run but the first begins with a continuation byte. Else the end of
/// one and the beginning of the next could look like one character, which they are not.
fn is_cut_between_characters(bytes: &[u8], segment_size: usize) -> bool {
    bytes
        .chunks(segment_size)
        .skip(1)
        .all(|segment| !matches!(segment[0], 0x80..=0xbf))
}

/// Adds an answer of one datagram, as part of the last one where both make a run.
fn push_grown(answers: &mut Vec<Answer>, run: usize, begin: usize, length: usize) {
    if let Some(last) = answers.last_mut()
        && last.run == run
        && last.place == Place::Grown
        && last.range.len().is_multiple_of(last.segment_size)
        && (1..=last.segment_size).contains(&length)
    {
        last.range.end += length;
        return;
    }
    answers.push(Answer {
        run,
        place: Place::Grown,
        range: begin..begin + length,
        segment_size: length.max(1),
    });
}
