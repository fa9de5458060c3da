//! From a batch of requests to their answers: the whole meaning of the datagram service, without
//! a socket.
//!
//! A run is turned into capitals where it lies, in one pass. From the first datagram in which a
//! character changes its length on, each datagram of the run is answered by itself.

use super::stats::{DropCause, Tally};
use crate::endpoint::MAX_IPV4_DATAGRAM;
use crate::socket::batch::{Answer, Inbox, Outbox, Place};
use crate::uppercase;

/// Makes the answers to every run of `inbox`; `limit` is the most bytes that an answer may have.
/// `tally` gets what was received and what has no answer; what is sent is counted after sending.
pub(super) fn answer(inbox: &mut Inbox, outbox: &mut Outbox, limit: usize, tally: &mut Tally) {
    outbox.clear();
    for (index, (run, bytes)) in inbox.runs_mut().enumerate() {
        let datagrams = run.datagrams();
        tally.received += datagrams as u64;
        let unanswerable = if run.truncated {
            Some(DropCause::RequestTruncated)
        } else if run.control_truncated {
            Some(DropCause::DestinationUnknown)
        } else if !run.has_return_address() {
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
    // Without a way out of the loop: hardly any run has such a datagram, and all others are looked
    // through to the end.
    let inside = bytes
        .iter()
        .skip(segment_size)
        .step_by(segment_size)
        .fold(false, |inside, byte| inside | matches!(byte, 0x80..=0xbf));
    !inside
}

/// Adds an answer of one datagram, as part of the last one where both make a run.
fn push_grown(answers: &mut Vec<Answer>, run: usize, begin: usize, length: usize) {
    if let Some(last) = answers.last_mut()
        && last.run == run
        && last.place == Place::Grown
        && last.range.len().is_multiple_of(last.segment_size)
        && (1..=last.segment_size).contains(&length)
        // More, the kernel would not cut; and that would be taken for a path that cannot.
        && last.range.len() + length <= MAX_IPV4_DATAGRAM
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::batch::Run;
    use proptest::prelude::*;

    const LIMIT: usize = 200;

    /// Characters of every length class and every way to change: none, same length, longer,
    /// shorter, and bytes that are no text, so that segments are cut within characters too.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop::sample::select(vec![
            "a", "Z", " ", "ß", "я", "ŉ", "ΐ", "ı", "ა", "世", "👩", "𐐨", "\u{ff}", "ﬃ",
        ]);
        prop_oneof![
            prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..120),
        ]
    }

    fn inbox_of(runs: &[(Vec<u8>, usize)]) -> Inbox {
        let mut inbox = Inbox::new(runs.len());
        for (bytes, segment_size) in runs {
            inbox.free_buffer().unwrap()[..bytes.len()].copy_from_slice(bytes);
            inbox.push(Run {
                peer: std::net::SocketAddr::from(([127, 0, 0, 1], 9)).into(),
                destination: None,
                length: bytes.len(),
                segment_size: *segment_size,
                truncated: false,
                control_truncated: false,
            });
        }
        inbox
    }

    fn datagrams(bytes: &[u8], segment_size: usize) -> Vec<&[u8]> {
        if bytes.is_empty() {
            vec![b""]
        } else {
            bytes.chunks(segment_size.max(1)).collect()
        }
    }

    fn capitals(text: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        for chunk in text.utf8_chunks() {
            answer.extend(chunk.valid().to_uppercase().as_bytes());
            answer.extend(chunk.invalid());
        }
        answer
    }

    proptest! {
        #[test]
        fn every_datagram_of_every_run_has_its_own_answer_or_is_counted(
            runs in prop::collection::vec((text(), 1..40_usize), 1..5)
        ) {
            let mut expected = Vec::new();
            let mut too_large = 0;
            for (index, (bytes, segment_size)) in runs.iter().enumerate() {
                for datagram in datagrams(bytes, *segment_size) {
                    let answer = capitals(datagram);
                    if answer.len() > LIMIT {
                        too_large += 1;
                    } else {
                        expected.push((index, answer));
                    }
                }
            }
            let mut inbox = inbox_of(&runs);
            let mut outbox = Outbox::default();
            let mut tally = Tally::default();
            answer(&mut inbox, &mut outbox, LIMIT, &mut tally);
            let mut got = Vec::new();
            for answer in &outbox.answers {
                for datagram in datagrams(outbox.bytes(&inbox, answer), answer.segment_size) {
                    got.push((answer.run, datagram.to_vec()));
                }
            }
            prop_assert_eq!(got.len() as u64 + too_large, tally.received);
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_character_cut_by_two_datagrams_is_not_put_together() {
        // The end of the first and the beginning of the second would be a small ä.
        let runs = [(b"a\xc3\xa4b".to_vec(), 2)];
        let mut inbox = inbox_of(&runs);
        let mut outbox = Outbox::default();
        answer(&mut inbox, &mut outbox, LIMIT, &mut Tally::default());
        let bytes: Vec<u8> = outbox
            .answers
            .iter()
            .flat_map(|answer| outbox.bytes(&inbox, answer).to_vec())
            .collect();
        assert_eq!(bytes, b"A\xc3\xa4B");
    }

    #[test]
    fn what_grew_is_never_more_in_one_buffer_than_the_kernel_cuts() {
        let mut answers = Vec::new();
        for index in 0..64 {
            push_grown(&mut answers, 0, index * 3000, 3000);
        }
        assert!(answers.iter().all(|answer| answer.range.len() <= 65_507));
        assert_eq!(answers.iter().map(Answer::datagrams).sum::<usize>(), 64);
        assert_eq!(answers.len(), 4);
    }
}
