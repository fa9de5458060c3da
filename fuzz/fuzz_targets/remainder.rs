//! A stream in reads of any lengths, each answered by appending or in place, against the whole of
//! it at once.

#![no_main]

use capitals::{Change, Remainder, append};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], Vec<u8>)| {
    let (text, lengths) = input;
    let mut expected = Vec::new();
    let whole = append(text, &mut expected);

    let (mut remainder, mut answer, mut rest) = (Remainder::default(), Vec::new(), text);
    let mut change = Change::Unchanged;
    for length in &lengths {
        let (read, behind) = rest.split_at(rest.len().min(usize::from(*length)));
        change = change.max(remainder.append(read, &mut answer));
        assert!(remainder.len() <= 3);
        rest = behind;
    }
    change = change.max(remainder.append(rest, &mut answer));
    remainder.finish(&mut answer);
    assert!(remainder.is_empty());
    assert_eq!(answer, expected);
    assert_eq!(change, whole);

    let (mut remainder, mut answer, mut rest) = (Remainder::default(), Vec::new(), text);
    for length in lengths
        .iter()
        .map(|length| usize::from(*length))
        .chain([usize::MAX])
    {
        let (read, behind) = rest.split_at(rest.len().min(length));
        let (mut read, mut appended) = (read.to_vec(), Vec::new());
        let done = remainder.in_place(&mut read, &mut appended);
        answer.extend_from_slice(&read[..done]);
        answer.extend_from_slice(&appended);
        rest = behind;
    }
    remainder.finish(&mut answer);
    assert_eq!(answer, expected);
});
