//! The answerer against std's upper-casing, one datagram at a time.

use super::*;
use crate::guard::GuardOptions;
use crate::guard::{BURST, Guard};
use bullhorn_socket::Description;
use bullhorn_socket::endpoint::{Family, SocketType};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// More than any datagram here, and less than the answers to some.
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

/// An answerer of a server on one UDP endpoint.
fn answerer(options: GuardOptions, max_answer: usize) -> Answerer {
    let description = Description::new(Endpoint::default(), Family::Inet, SocketType::Datagram, 3);
    let guard = Guard::new(&options, std::iter::once(&description));
    Answerer::new(Filter::new(Arc::new(guard)), Tally::default(), max_answer)
}

fn unguarded() -> GuardOptions {
    GuardOptions {
        loop_guard: false,
        ..GuardOptions::default()
    }
}

fn inbox_of(runs: &[(Vec<u8>, usize)]) -> Inbox {
    let mut inbox = Inbox::new(runs.len());
    for (bytes, segment_size) in runs {
        inbox.free_buffer().unwrap()[..bytes.len()].copy_from_slice(bytes);
        let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 9999)).into();
        inbox.push(Run::new(peer, bytes.len(), *segment_size));
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
        let mut answerer = answerer(unguarded(), LIMIT);
        answerer.answer(&mut inbox, &mut outbox);
        let mut got = Vec::new();
        for answer in &outbox.answers {
            for datagram in datagrams(outbox.bytes(&inbox, answer), answer.segment_size) {
                got.push((answer.run, datagram.to_vec()));
            }
        }
        prop_assert_eq!(got.len() as u64 + too_large, answerer.tally.counters().read().received);
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
        let mut answerer = answerer(GuardOptions::default(), LIMIT);
        answerer.answer(&mut inbox, &mut outbox);
        let mut got = Vec::new();
        for answer in &outbox.answers {
            for datagram in datagrams(outbox.bytes(&inbox, answer), answer.segment_size) {
                got.push((answer.run, datagram.to_vec()));
            }
        }
        prop_assert_eq!(got, expected);
        let totals = answerer.tally.counters().read();
        prop_assert_eq!(totals.dropped_by(DropCause::LoopSuspected), looping);
        prop_assert_eq!(totals.dropped_by(DropCause::AnswerTooLarge), too_large);
    }

    #[test]
    fn a_run_is_answered_up_to_the_rate_limit(
        (bytes, segment_size) in (text(), 1..40_usize),
        rate in 1..5_u32,
    ) {
        let rate_limit = crate::guard::RateLimit::PerSecond(rate.try_into().unwrap());
        let options = GuardOptions { loop_guard: false, rate_limit, ..GuardOptions::default() };
        let mut inbox = inbox_of(&[(bytes.clone(), segment_size)]);
        let mut outbox = Outbox::default();
        let mut answerer = answerer(options, 3 * 65_536);
        answerer.answer(&mut inbox, &mut outbox);
        let mut got = Vec::new();
        for answer in &outbox.answers {
            for datagram in datagrams(outbox.bytes(&inbox, answer), answer.segment_size) {
                got.push(datagram.to_vec());
            }
        }
        let all: Vec<_> = datagrams(&bytes, segment_size).into_iter().map(capitals).collect();
        let admitted = all.len().min(rate as usize);
        prop_assert_eq!(&got, &all[..admitted]);
        let totals = answerer.tally.counters().read();
        prop_assert_eq!(totals.received, all.len() as u64);
        prop_assert_eq!(totals.dropped_by(DropCause::RateLimited), (all.len() - admitted) as u64);
    }
}

#[test]
fn a_character_split_over_two_datagrams_is_not_joined() {
    // The end of the one and the beginning of the next would be a small ä.
    for letters in (0..700).step_by(2) {
        let text = [&vec![b'a'; letters][..], b"a\xc3\xa4b"].concat();
        let mut inbox = inbox_of(&[(text, 2)]);
        let mut outbox = Outbox::default();
        answerer(unguarded(), LIMIT).answer(&mut inbox, &mut outbox);
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
fn grown_answers_in_one_buffer_never_exceed_what_the_kernel_cuts() {
    let mut answers = Vec::new();
    for index in 0..64 {
        push_grown(&mut answers, 0, index * 3000, 3000);
    }
    assert!(answers.iter().all(|answer| answer.range.len() <= 65_507));
    assert_eq!(answers.iter().map(Answer::datagrams).sum::<usize>(), 64);
    assert_eq!(answers.len(), 4);
}
