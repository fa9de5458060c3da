//! The ledger, answer by answer, and compared with a list of all requests.

use super::*;
use crate::ask::counts::Counts;
use crate::bench::record::Record;
use crate::bench::text::{Form, Texts};
use proptest::prelude::*;

const FLOW: u32 = 5;

fn books(size: usize) -> Books {
    Books::new(
        Texts::new(Form::new(size, None, false), 64),
        Record::new(0, false),
    )
}

fn ledger(capacity: usize) -> Ledger {
    let mut ledger = warming_up(capacity);
    ledger.begin_measuring();
    ledger
}

fn warming_up(capacity: usize) -> Ledger {
    let times = SendTimes::new(capacity, false);
    Ledger::new(FLOW, times, LostNumbers::new(1 << 16))
}

fn send(ledger: &mut Ledger, amount: u64, now_ns: u64, books: &mut Books) {
    ledger.note_sent(amount, now_ns, std::iter::repeat(now_ns), books);
}

fn answer(number: u64, books: &mut Books) -> Vec<u8> {
    books.texts.answers(FLOW, number, 1).to_vec()
}

#[test]
fn a_run_in_order_is_settled_at_once_and_timed_by_its_sends() {
    let (mut books, mut ledger) = (books(64), ledger(256));
    send(&mut ledger, 10, 100, &mut books);
    send(&mut ledger, 20, 300, &mut books);
    let answers = books.texts.answers(FLOW, 0, 30).to_vec();
    assert!(ledger.settle_run(&answers, 1_100, &mut books));
    assert_eq!((books.record.counts.ok, books.outstanding), (30, 0));
    let buckets: Vec<(u64, u64)> = books.record.latency.buckets().collect();
    assert_eq!(buckets, [(800, 20), (1_000, 10)]);
}

#[test]
fn an_overtaken_request_blocks_nothing_and_is_lost_when_its_slot_is_needed() {
    let (mut books, mut ledger) = (books(64), ledger(256));
    send(&mut ledger, 2, 1, &mut books);
    for number in 1..300 {
        let right = answer(number, &mut books);
        ledger.settle_one(&right, 2, &mut books);
        assert_eq!(ledger.in_flight(), 0);
        send(&mut ledger, 1, 2, &mut books);
    }
    assert_eq!((books.record.counts.ok, books.record.counts.lost), (299, 1));
    let late = answer(0, &mut books);
    ledger.settle_one(&late, 3, &mut books);
    ledger.settle_one(&late, 3, &mut books);
    assert_eq!(
        (books.record.counts.late, books.record.counts.duplicate),
        (1, 1)
    );
}

#[test]
fn an_echo_and_an_empty_answer_and_nonsense_are_corrupt() {
    let (mut books, mut ledger) = (books(64), ledger(256));
    send(&mut ledger, 3, 1, &mut books);
    let echo = books.texts.requests(FLOW, 1, 1).to_vec();
    ledger.settle_one(&echo, 2, &mut books);
    assert!(!ledger.is_open(1));
    ledger.settle_segments(&[], 0, 2, &mut books);
    ledger.settle_one(b"404 NOT FOUND", 2, &mut books);
    assert_eq!((books.record.counts.corrupt, books.outstanding), (3, 0));
    ledger.settle_one(b"404 NOT FOUND", 2, &mut books);
    assert_eq!(books.record.counts.stray, 1);
}

#[test]
fn requests_of_the_warm_up_are_counted_separately() {
    let mut books = books(64);
    let mut ledger = warming_up(256);
    send(&mut ledger, 4, 1, &mut books);
    ledger.begin_measuring();
    send(&mut ledger, 4, 2, &mut books);
    let answers = books.texts.answers(FLOW, 0, 8).to_vec();
    ledger.settle_segments(&answers, 64, 3, &mut books);
    let four = Counts {
        sent: 4,
        ok: 4,
        ..Counts::default()
    };
    assert_eq!((books.record.counts, books.record.warmup), (four, four));
    assert_eq!(books.record.latency.count(), 4);
}

/// What happens to one request.
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
    fn every_fate_is_detected(
        bursts in proptest::collection::vec(proptest::collection::vec(fate(), 1..40), 1..20),
        swaps in proptest::collection::vec(0..1000usize, 0..20),
        segments in 1..10usize,
    ) {
        let (mut books, mut ledger) = (books(64), ledger(1024));
        let mut expected = Counts::default();
        let mut late = Vec::new();
        for fates in &bursts {
            let first = ledger.next();
            send(&mut ledger, fates.len() as u64, 10, &mut books);
            let mut answers = Vec::new();
            for (number, fate) in (first..).zip(fates) {
                let right = answer(number, &mut books);
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
                ledger.settle_segments(&run.concat(), 64, 20, &mut books);
                let counts = &books.record.counts;
                prop_assert_eq!(counts.sent, counts.ok + counts.corrupt + counts.lost + books.outstanding);
            }
        }
        ledger.expire(10, &mut books);
        for answer in late {
            ledger.settle_one(&answer, 30, &mut books);
        }
        prop_assert_eq!(books.record.counts, expected);
        prop_assert!(expected.is_balanced());
        prop_assert_eq!(books.record.latency.count(), expected.ok);
        prop_assert_eq!((books.outstanding, ledger.outstanding(), ledger.in_flight()), (0, 0, 0));
    }

    #[test]
    fn the_sums_hold_for_any_answers(
        steps in proptest::collection::vec((0..4u8, 0..80u64, proptest::collection::vec(any::<u8>(), 0..80)), 0..60),
    ) {
        let (mut books, mut ledger) = (books(32), ledger(256));
        for (now_ns, (kind, number, bytes)) in (1..).zip(steps) {
            match kind {
                0 => send(&mut ledger, 1 + number % 64, now_ns, &mut books),
                1 => ledger.settle_segments(&bytes, number as usize % 33, now_ns, &mut books),
                2 => {
                    let known = answer(number, &mut books);
                    ledger.settle_one(&known, now_ns, &mut books);
                }
                _ => ledger.expire(now_ns.saturating_sub(number), &mut books),
            }
            let counts = &books.record.counts;
            prop_assert_eq!(counts.sent, counts.ok + counts.corrupt + counts.lost + books.outstanding);
            prop_assert_eq!(books.outstanding, u64::from(ledger.outstanding()));
        }
        ledger.leave_pending(&mut books);
        prop_assert!(books.record.counts.is_balanced());
    }
}
