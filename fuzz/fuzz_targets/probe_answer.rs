//! What a prober receives: which probe it belongs to, and what is wrong with it.

#![no_main]

use bullhorn_client::fuzzing::{ProbeTexts, Problem, TOKEN_LENGTH, diagnose};
use bullhorn_fuzz::capitals;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    nonce: u64,
    size: u8,
    filler: &'a [u8],
    number: u64,
    last: u64,
    /// Damage to the right answer: where, and which bits.
    damage: Vec<(u8, u8)>,
    length: u8,
    behind: &'a [u8],
}

fuzz_target!(|input: Input| {
    // More probes than these take centuries.
    let last = input.last % (1 << 36) + 1;
    let number = input.number % last + 1;
    let texts = ProbeTexts::new(input.nonce, input.size.into(), Some(input.filler));
    let (mut text, mut expected) = (Vec::new(), Vec::new());
    texts.write(number, &mut text);
    texts.write_expected(number, &mut expected);
    assert_eq!(expected, capitals(&text));
    assert_eq!(text.len(), usize::from(input.size).max(TOKEN_LENGTH));
    assert_eq!(texts.number_of(&expected, last), Some(number));
    assert_eq!(texts.number_of(&text, last), Some(number));

    let mut answer = expected.clone();
    answer.truncate(input.length.into());
    answer.extend(input.behind);
    for (place, bits) in input.damage {
        if let Some(byte) = answer.get_mut(usize::from(place)) {
            *byte ^= bits;
        }
    }
    assert_eq!(texts.is_right(number, &answer), answer == expected);
    check_diagnosis(&text, &expected, &answer);
    if let Some(named) = texts.number_of(&answer, last) {
        assert!((1..=last).contains(&named));
        assert_eq!(damage(&texts, named, &answer), 0);
    }
    let candidates = number.saturating_sub(9).max(1)..=number;
    let naive = candidates
        .clone()
        .min_by_key(|near| damage(&texts, *near, &answer));
    let naive = naive.filter(|near| damage(&texts, *near, &answer) <= 8);
    assert_eq!(texts.nearest(&answer, candidates), naive);
});

/// How many bytes of the token of probe `number` the answer lacks, in capitals or not.
fn damage(texts: &ProbeTexts, number: u64, answer: &[u8]) -> usize {
    let mut text = Vec::new();
    texts.write(number, &mut text);
    (0..TOKEN_LENGTH)
        .filter(|place| answer.get(*place).map(u8::to_ascii_lowercase) != Some(text[*place]))
        .count()
}

fn check_diagnosis(text: &[u8], expected: &[u8], answer: &[u8]) {
    let problem = diagnose(text, expected, answer);
    assert_eq!(problem.is_none(), answer == expected);
    match problem {
        None | Some(Problem::AnotherProbe { .. }) => {}
        Some(Problem::Empty) => assert!(answer.is_empty()),
        Some(Problem::ProxyHeader { version }) => {
            let begins: &[u8] = match version {
                1 => b"PROXY ",
                _ => b"\r\n\r\n\0\r\nQUIT\n",
            };
            assert!(answer.starts_with(begins) && !expected.starts_with(begins));
        }
        // An echo may join what it received, so more may follow.
        Some(Problem::Unchanged) => assert!(answer.starts_with(text)),
        Some(Problem::PartlyUnchanged { length }) => assert_eq!(answer, &text[..length]),
        Some(Problem::Truncated {
            length,
            expected_length,
        }) => {
            assert_eq!(answer, &expected[..length]);
            assert!(length < expected_length && expected_length == expected.len());
        }
        Some(Problem::TooLong { surplus }) => {
            assert_eq!(&answer[..answer.len() - surplus], expected);
        }
        Some(Problem::Differs {
            offset,
            got,
            expected: should,
        }) => {
            assert_eq!(answer[..offset], expected[..offset]);
            assert_eq!((answer[offset], expected[offset]), (got, should));
            assert_ne!(got, should);
        }
        Some(_) => unreachable!("a kind of problem that this target does not know"),
    }
}
