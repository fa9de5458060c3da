//! The ledger against a map of all probes.

use super::*;
use bullhorn_socket::PathError;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::io;

#[derive(Clone, Debug)]
enum Step {
    Send,
    Answer { back: u64, right: bool },
    Refuse { back: u64 },
    Wait { milliseconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Send),
        4 => (0u64..20, any::<bool>()).prop_map(|(back, right)| Step::Answer { back, right }),
        1 => (0u64..20).prop_map(|back| Step::Refuse { back }),
        2 => (0u64..30).prop_map(|milliseconds| Step::Wait { milliseconds }),
    ]
}

proptest! {
    /// Against a map of the state of each probe, with the counts taken from it.
    #[test]
    fn the_sum_holds_after_any_sequence_of_events(
        steps in proptest::collection::vec(step(), 0..300),
        flows in 1usize..4,
    ) {
        let timeout = Duration::from_millis(40);
        let mut ledger = Ledger::new(flows, timeout, Duration::from_secs(1));
        let mut now = Instant::now();
        // State of each probe: when sent; 'o'k, 'c'orrupt, 'l'ost, 'p'ending; answered at all.
        let mut probes: HashMap<u64, (Instant, char, bool)> = HashMap::new();
        let (mut duplicate, mut late) = (0, 0);
        let mut explained = HashSet::new();
        let refusal = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        let refusal = Loss::Path(PathError::of(&refusal).unwrap());
        for step in steps {
            match step {
                Step::Send => {
                    let number = ledger.send(now);
                    probes.insert(number, (now, 'p', false));
                }
                Step::Answer { back, right } => {
                    let Some(number) = ledger.last().checked_sub(back).filter(|n| *n > 0)
                    else { continue };
                    ledger.answer(number, right, now);
                    let probe = probes.get_mut(&number).unwrap();
                    match (probe.1, probe.2) {
                        ('p', _) => probe.1 = if right { 'o' } else { 'c' },
                        ('l', false) => late += 1,
                        _ => duplicate += 1,
                    }
                    probe.2 = true;
                }
                Step::Refuse { back } => {
                    let Some(number) = ledger.last().checked_sub(back).filter(|n| *n > 0)
                    else { continue };
                    let probe = probes.get_mut(&number).unwrap();
                    if ledger.lose(number, &refusal) {
                        prop_assert_eq!(probe.1, 'p');
                        probe.1 = 'l';
                        explained.insert(number);
                    } else if ledger.explain(number, &refusal) {
                        prop_assert_eq!((probe.1, probe.2), ('l', false));
                        prop_assert!(explained.insert(number));
                    }
                }
                Step::Wait { milliseconds } => {
                    now += Duration::from_millis(milliseconds);
                    while ledger.settle_next(now, false).is_some() {}
                    for probe in probes.values_mut() {
                        if probe.1 == 'p' && now - probe.0 >= timeout {
                            probe.1 = 'l';
                        }
                    }
                }
            }
            let of = |kind| probes.values().filter(|probe| probe.1 == kind).count() as u64;
            let counts = *ledger.counts();
            prop_assert!(counts.is_balanced(), "{:?}", counts);
            prop_assert_eq!(
                (counts.ok, counts.corrupt, counts.lost, counts.pending),
                (of('o'), of('c'), of('l'), of('p'))
            );
            prop_assert_eq!(
                (counts.duplicate, counts.late, counts.refused),
                (duplicate, late, explained.len() as u64)
            );
            let sum = (0..flows).fold([0; 3], |sum, flow| {
                let counts = ledger.flow_counts(flow);
                assert!(counts.is_balanced());
                [sum[0] + counts.sent, sum[1] + counts.ok, sum[2] + counts.reordered]
            });
            prop_assert_eq!(sum, [counts.sent, counts.ok, counts.reordered]);
        }
    }
}

#[test]
fn an_overtaken_answer_is_reordered_and_its_copy_is_not() {
    let now = Instant::now();
    let mut ledger = Ledger::with_window(1, Duration::from_secs(1), 8);
    for _ in 0..3 {
        ledger.send(now);
    }
    assert!(!ledger.answer(2, true, now).reordered);
    assert!(ledger.answer(1, true, now).reordered);
    assert!(!ledger.answer(1, true, now).reordered);
    assert!(!ledger.answer(3, true, now).reordered);
    let counts = ledger.counts();
    assert_eq!((counts.ok, counts.reordered, counts.duplicate), (3, 1, 1));
}

#[test]
fn flows_do_not_reorder_each_other() {
    let now = Instant::now();
    let mut ledger = Ledger::with_window(2, Duration::from_secs(1), 8);
    ledger.send(now);
    ledger.send(now);
    assert!(!ledger.answer(2, true, now).reordered);
    assert!(!ledger.answer(1, true, now).reordered);
}

#[test]
fn a_full_ring_loses_its_oldest_and_still_balances() {
    const WINDOW: u64 = 100;
    let now = Instant::now();
    let mut ledger = Ledger::with_window(3, Duration::from_secs(1), WINDOW);
    for _ in 0..WINDOW + 10 {
        ledger.send(now);
    }
    let counts = *ledger.counts();
    assert!(counts.is_balanced());
    assert_eq!(counts.lost, 10);
    assert_eq!(ledger.answer(1, true, now).kind, ArrivalKind::Late);
    assert_eq!(
        ledger.answer(WINDOW + 9, true, now).kind,
        ArrivalKind::InTime
    );
    assert!(ledger.counts().is_balanced());
}

#[test]
fn the_ring_is_as_long_as_the_timeout_needs() {
    let second = Duration::from_secs(1);
    for (timeout, interval, window) in [
        (second, second, MIN_WINDOW),
        (second, Duration::from_micros(100), 20_000),
        (second, Duration::from_nanos(1), MAX_WINDOW),
        (Duration::MAX, Duration::from_nanos(1), MAX_WINDOW),
    ] {
        assert_eq!(Ledger::new(1, timeout, interval).window, window);
    }
}
