//! Arbitrary answers to a load generator: each request is counted once, and only the first right
//! answer to it counts as right.

#![no_main]

use bullhorn_client::bench::fuzzing::Flow;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    Send(u8),
    /// `amount` right answers from this number on, in one buffer.
    Right {
        first: u8,
        amount: u8,
    },
    /// The same with a changed byte.
    Damaged {
        number: u8,
        index: u8,
        bits: u8,
    },
    Echo(u8),
    /// Any bytes, split into answers of this size.
    Bytes(&'a [u8], u8),
    GiveUpOldest,
}

fuzz_target!(|input: (u8, bool, Vec<Step>)| {
    let (size, is_measured, steps) = input;
    let mut flow = Flow::new(size.into(), is_measured);
    // For each request, whether its answer is outstanding.
    let mut open: Vec<bool> = Vec::new();
    let mut right = 0;
    for step in steps.into_iter().take(200) {
        match step {
            Step::Send(amount) => {
                let amount =
                    usize::from(amount % 32).min(Flow::CAPACITY.saturating_sub(open.len()));
                flow.send(amount as u64);
                open.resize(open.len() + amount, true);
            }
            Step::Right { first, amount } => {
                let numbers = usize::from(first)..usize::from(first) + usize::from(amount % 32);
                let answers: Vec<u8> = numbers
                    .clone()
                    .flat_map(|n| flow.answer(n as u64))
                    .collect();
                flow.settle(&answers, flow.answer_length());
                for number in numbers {
                    let is_open = open.get_mut(number).is_some_and(std::mem::take);
                    right += u64::from(is_open);
                }
            }
            Step::Damaged {
                number,
                index,
                bits,
            } => {
                let mut answer = flow.answer(number.into());
                let index = usize::from(index) % answer.len();
                // A letter in the wrong case still identifies its request.
                answer[index] ^= bits.max(1);
                flow.settle(&answer, answer.len());
            }
            Step::Echo(number) => {
                let echo = flow.request(number.into());
                flow.settle(&echo, echo.len());
            }
            Step::Bytes(bytes, segment_size) => flow.settle(bytes, segment_size.into()),
            Step::GiveUpOldest => flow.give_up_oldest(),
        }
        let counts = flow.counts();
        assert_eq!(counts.sent, open.len() as u64);
        assert_eq!(
            counts.sent,
            counts.ok + counts.corrupt + counts.lost + flow.outstanding()
        );
        assert!(counts.ok <= right, "{counts:?}");
        // A wrong answer may have settled a request whose right one came later.
        assert!(
            counts.ok == right || counts.corrupt + counts.lost > 0,
            "{counts:?}"
        );
    }
    flow.finish();
    assert!(flow.counts().is_balanced());
});
