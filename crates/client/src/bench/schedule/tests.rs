//! The schedule, against one division per step.

use super::*;
use crate::bench::rate::BILLION;
use proptest::prelude::*;

/// When step `index` of all workers is due, in one division.
fn naive_ns(begin_ns: u64, rate: Rate, index: u64) -> u64 {
    let parts = u128::from(index) * 1_000_000_000_000_000_000;
    begin_ns + (parts / u128::from(rate.billionths)) as u64
}

/// Checks a nanosecond before each step and at it, and sends what is due.
fn assert_agrees_with_naive(begin_ns: u64, rate: Rate, worker: usize, workers: usize, steps: u64) {
    let mut schedule = Schedule::new(begin_ns, rate, worker, workers, false);
    for step in 0..steps {
        let intended_ns = naive_ns(begin_ns, rate, step * workers as u64 + worker as u64);
        assert_eq!(schedule.next_ns(), intended_ns, "{rate:?}, step {step}");
        assert_eq!(
            schedule.due(intended_ns - 1, 64),
            0,
            "{rate:?}, step {step}"
        );
        assert!(schedule.due(intended_ns, 64) >= 1, "{rate:?}, step {step}");
        schedule.advance(1);
    }
}

#[test]
fn every_whole_rate_up_to_20_000_agrees_with_a_naive_model() {
    for rate in 1..=20_000u32 {
        let rate = Rate::new(f64::from(rate)).unwrap();
        assert_eq!(rate.billionths % BILLION, 0);
        assert_agrees_with_naive(7, rate, 0, 1, 40);
        // Around the end of a warm-up of a second, which is a step of every whole rate.
        let mut schedule = Schedule::new(7, rate, 0, 1, false);
        schedule.end_at(7 + BILLION);
        let skipped = schedule.skip_rest();
        assert_eq!(skipped, rate.billionths / BILLION);
        assert_eq!(schedule.next_ns(), 7 + BILLION);
        assert_eq!(schedule.due(u64::MAX, 64), 0);
        schedule.end_at(u64::MAX);
        assert_eq!(schedule.due(7 + BILLION - 1, 64), 0);
        assert_eq!(schedule.due(7 + BILLION, 64), 1);
    }
}

#[test]
fn a_second_has_as_many_steps_as_its_rate() {
    for rate in [1u32, 29, 450, 900, 1900, 20_000] {
        for workers in 1..5 {
            let due = |worker| {
                let rate = Rate::new(f64::from(rate)).unwrap();
                Schedule::new(7, rate, worker, workers, true).due(7 + BILLION - 1, u64::MAX)
            };
            assert_eq!((0..workers).map(due).sum::<u64>(), u64::from(rate));
        }
    }
}

#[test]
fn a_rate_that_no_clock_can_keep_is_refused_and_the_slowest_is_never_due_again() {
    for rate in [0.0, -1.0, 1e-10, 4_294_967_296.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Rate::new(rate), None, "{rate}");
    }
    let slowest = Rate::new(1e-9).unwrap();
    let mut schedule = Schedule::new(1, slowest, 0, 1024, true);
    assert_eq!(schedule.due(1, 64), 1);
    schedule.advance(1);
    assert_eq!(schedule.due(u64::MAX - 1, 64), 0);
    schedule.end_at(u64::MAX - 1);
    assert_eq!((schedule.left(), schedule.skip_rest()), (0, 0));
}

fn rates() -> impl Strategy<Value = Rate> {
    prop_oneof![
        (1e-3f64..1e3).prop_map(|rate| Rate::new(rate).unwrap()),
        (1f64..4e9).prop_map(|rate| Rate::new(rate).unwrap()),
    ]
}

proptest! {
    #[test]
    fn nothing_is_due_early_or_late(
        rate in rates(), workers in 1usize..5, begin_ns in 1u64..1 << 40, seconds in 0u64..1_000_000,
    ) {
        for worker in 0..workers {
            let mut schedule = Schedule::new(begin_ns, rate, worker, workers, false);
            assert_agrees_with_naive(begin_ns, rate, worker, workers, 30);
            let from_ns = begin_ns + seconds * BILLION;
            schedule.end_at(from_ns);
                let skipped = schedule.skip_rest();
            for (offset, intended_ns) in schedule.intended_ns().take(30).enumerate() {
                let index = (skipped + offset as u64) * workers as u64 + worker as u64;
                prop_assert_eq!(intended_ns, naive_ns(begin_ns, rate, index));
            }
            prop_assert!(schedule.next_ns() >= from_ns);
            if let Some(last) = skipped.checked_sub(1) {
                let index = last * workers as u64 + worker as u64;
                prop_assert!(naive_ns(begin_ns, rate, index) < from_ns);
            }
        }
    }

    #[test]
    fn due_requests_agree_with_the_schedule(
        rate in rates(), workers in 1usize..5, later_ns in 0u64..1_000_000_000, most in 0u64..200,
    ) {
        let schedule = Schedule::new(7, rate, workers - 1, workers, false);
        let first = (0..).map(|step| naive_ns(7, rate, (step + 1) * workers as u64 - 1));
        let due = first.take(most as usize).filter(|intended_ns| *intended_ns <= 7 + later_ns).count();
        prop_assert_eq!(schedule.due(7 + later_ns, most), due as u64);
    }
}
