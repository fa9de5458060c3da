//! From a batch of requests to their answers: the whole meaning of the datagram service, without
//! a socket.
//!
//! A run is turned into capitals where it lies, in one pass. From the first datagram in which a
//! character changes its length on, each datagram of the run is answered by itself.

use capitals::Change;

use crate::guard::Filter;
use crate::stats::{DropCause, Tally};
use bullhorn_socket::batch::{Answer, Inbox, Outbox, Place, Run};
use bullhorn_socket::endpoint::MAX_IPV4_DATAGRAM;

/// Makes the answers to every run of `inbox` that `filter` lets pass; `limit` is the most bytes that
/// an answer may have. `tally` gets what was received and what has no answer; what is sent is
/// counted after sending.
pub(super) fn answer(
    inbox: &mut Inbox,
    outbox: &mut Outbox,
    limit: usize,
    filter: &mut Filter,
    tally: &mut Tally,
) {
    outbox.clear();
    filter.begin();
    let mut received = (0, 0);
    for (index, (run, bytes)) in inbox.runs_mut().enumerate() {
        let datagrams = run.datagrams();
        received = (received.0 + datagrams, received.1 + bytes.len());
        tally.count_run(datagrams, run.segment_size, bytes.len());
        if let Some(cause) = unanswerable(run) {
            tally.count_drop(cause, datagrams);
            continue;
        }
        let segment_size = run.segment_size.max(1);
        let admission = filter.admit(run);
        let mut bytes = bytes;
        if admission.datagrams < datagrams {
            let refused = datagrams - admission.datagrams;
            filter.count_drop(tally, admission.cause, refused, index);
            if admission.datagrams == 0 {
                continue;
            }
            bytes = &mut bytes[..admission.datagrams * segment_size];
        }
        let has_several = bytes.len() > segment_size;
        let result = if has_several {
            capitals::in_segments(bytes, segment_size, &mut filter.marks)
        } else {
            capitals::in_place(bytes)
        };
        let in_place = if result.converted_len == bytes.len() {
            result.converted_len
        } else {
            result.converted_len - result.converted_len % segment_size
        };
        if in_place > 0 || bytes.is_empty() {
            let mut push = |range| {
                outbox.answers.push(Answer {
                    run: index,
                    place: Place::Inbox,
                    range,
                    segment_size,
                });
            };
            let all_change = if has_several {
                filter.marks.all_segments_changed(segment_size, in_place)
            } else {
                result.changed
            };
            match admission.watched {
                Some(source) if !all_change => {
                    // What lies between two datagrams that are not answered is one answer.
                    let (mut from, mut at) = (0, 0);
                    loop {
                        let end = in_place.min(at + segment_size);
                        let changed = has_several && filter.marks.any(at..end);
                        if !changed && !filter.permits_again(source, &bytes[at..end]) {
                            filter.count_drop(tally, DropCause::LoopSuspected, 1, index);
                            if at > from {
                                push(from..at);
                            }
                            from = end;
                        } else if end == in_place {
                            push(from..end);
                        }
                        at = end;
                        if at == in_place {
                            break;
                        }
                    }
                }
                _ => push(0..in_place),
            }
        }
        for segment in bytes[in_place..].chunks(segment_size) {
            let begin = outbox.grown.len();
            let change = capitals::append(segment, &mut outbox.grown);
            let length = outbox.grown.len() - begin;
            let refused = if length > limit {
                Some(DropCause::AnswerTooLarge)
            } else if change == Change::Unchanged
                && admission
                    .watched
                    .is_some_and(|source| !filter.permits_again(source, segment))
            {
                Some(DropCause::LoopSuspected)
            } else {
                None
            };
            match refused {
                Some(cause) => {
                    outbox.grown.truncate(begin);
                    filter.count_drop(tally, cause, 1, index);
                }
                None => push_grown(&mut outbox.answers, index, begin, length),
            }
        }
    }
    tally.count_batch(received.0, received.1);
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
    use crate::GuardOptions;
    use crate::guard::{BURST, Guard};
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::sync::Arc;

    /// More than any datagram here has, and less than the answers to some.
    const LIMIT: usize = 50;

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

    /// Few different capitals, so that they come often, between texts that change.
    fn hidden() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop::sample::select(vec![
            "A", "A", "A", "A", "A", "Я", "世", "1", "b", "я", "\u{ff}", "ŉ",
        ]);
        prop::collection::vec(pieces, 0..120).prop_map(|pieces| pieces.concat().into_bytes())
    }

    /// Of a server on one UDP endpoint.
    fn filter(options: &GuardOptions) -> Filter {
        let description = bullhorn_socket::Description {
            endpoint: "udp://127.0.0.1:3000".parse().unwrap(),
            family: bullhorn_socket::Family::Inet,
            socket_type: bullhorn_socket::SocketType::Datagram,
            descriptor: 3,
            wildcard: false,
            inherited: false,
        };
        Filter::new(Arc::new(Guard::new(options, std::iter::once(&description))))
    }

    fn unguarded() -> Filter {
        filter(&GuardOptions {
            loop_guard: false,
            ..GuardOptions::default()
        })
    }

    fn inbox_of(runs: &[(Vec<u8>, usize)]) -> Inbox {
        let mut inbox = Inbox::new(runs.len());
        for (bytes, segment_size) in runs {
            inbox.free_buffer().unwrap()[..bytes.len()].copy_from_slice(bytes);
            inbox.push(Run {
                peer: std::net::SocketAddr::from(([127, 0, 0, 1], 9999)).into(),
                destination: None,
                length: bytes.len(),
                segment_size: *segment_size,
                truncated: false,
                control_truncated: false,
                sender: None,
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
            answer(
                &mut inbox,
                &mut outbox,
                LIMIT,
                &mut unguarded(),
                &mut tally,
            );
            let mut got = Vec::new();
            for answer in &outbox.answers {
                for datagram in datagrams(outbox.bytes(&inbox, answer), answer.segment_size) {
                    got.push((answer.run, datagram.to_vec()));
                }
            }
            prop_assert_eq!(got.len() as u64 + too_large, tally.counters().read().received);
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn exactly_the_datagrams_that_are_their_own_answer_are_watched_wherever_they_lie(
            runs in prop::collection::vec((hidden(), 1..4_usize), 1..8)
        ) {
            let mut expected = Vec::new();
            let mut met: HashMap<Vec<u8>, u64> = HashMap::new();
            let (mut too_large, mut looping) = (0, 0);
            for (index, (bytes, segment_size)) in runs.iter().enumerate() {
                for datagram in datagrams(bytes, *segment_size) {
                    let answer = capitals(datagram);
                    if answer.len() > LIMIT {
                        too_large += 1;
                        continue;
                    }
                    if answer == datagram {
                        let times = met.entry(answer.clone()).or_default();
                        *times += 1;
                        if *times > BURST {
                            looping += 1;
                            continue;
                        }
                    }
                    expected.push((index, answer));
                }
            }
            let mut inbox = inbox_of(&runs);
            let mut outbox = Outbox::default();
            let (mut tally, mut filter) = (Tally::default(), filter(&GuardOptions::default()));
            answer(&mut inbox, &mut outbox, LIMIT, &mut filter, &mut tally);
            let mut got = Vec::new();
            for answer in &outbox.answers {
                for datagram in datagrams(outbox.bytes(&inbox, answer), answer.segment_size) {
                    got.push((answer.run, datagram.to_vec()));
                }
            }
            prop_assert_eq!(got, expected);
            let totals = tally.counters().read();
            prop_assert_eq!(totals.dropped_by(DropCause::LoopSuspected), looping);
            prop_assert_eq!(totals.dropped_by(DropCause::AnswerTooLarge), too_large);
        }

        #[test]
        fn a_run_is_answered_as_far_as_the_rate_goes(
            (bytes, segment_size) in (text(), 1..40_usize),
            rate in 1..5_u32,
        ) {
            let rate_limit = crate::guard::RateLimit::PerSecond(rate.try_into().unwrap());
            let options = GuardOptions { loop_guard: false, rate_limit, ..GuardOptions::default() };
            let mut inbox = inbox_of(&[(bytes.clone(), segment_size)]);
            let (mut outbox, mut tally) = (Outbox::default(), Tally::default());
            answer(&mut inbox, &mut outbox, 3 * 65_536, &mut filter(&options), &mut tally);
            let mut got = Vec::new();
            for answer in &outbox.answers {
                for datagram in datagrams(outbox.bytes(&inbox, answer), answer.segment_size) {
                    got.push(datagram.to_vec());
                }
            }
            let all: Vec<_> = datagrams(&bytes, segment_size).into_iter().map(capitals).collect();
            let admitted = all.len().min(rate as usize);
            prop_assert_eq!(&got, &all[..admitted]);
            let totals = tally.counters().read();
            prop_assert_eq!(totals.received, all.len() as u64);
            prop_assert_eq!(totals.dropped_by(DropCause::RateLimited), (all.len() - admitted) as u64);
        }
    }

    #[test]
    fn a_character_cut_by_two_datagrams_is_not_put_together() {
        // The end of the one and the beginning of the next would be a small ä.
        for letters in (0..700).step_by(2) {
            let text = [&vec![b'a'; letters][..], b"a\xc3\xa4b"].concat();
            let mut inbox = inbox_of(&[(text, 2)]);
            let mut outbox = Outbox::default();
            answer(
                &mut inbox,
                &mut outbox,
                LIMIT,
                &mut unguarded(),
                &mut Tally::default(),
            );
            let bytes: Vec<u8> = outbox
                .answers
                .iter()
                .flat_map(|answer| outbox.bytes(&inbox, answer).to_vec())
                .collect();
            let (capitals, end) = bytes.split_at(letters);
            assert!(capitals.iter().all(|byte| *byte == b'A'));
            assert_eq!(end, b"A\xc3\xa4B");
        }
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
