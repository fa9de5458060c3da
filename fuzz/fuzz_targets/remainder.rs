//! A stream in reads of any lengths against the whole of it at once.

#![no_main]

use bullhorn::uppercase::{Remainder, append};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], Vec<u8>)| {
    let (text, lengths) = input;
    let mut expected = Vec::new();
    let whole = append(text, &mut expected);

    let (mut remainder, mut answer, mut rest) = (Remainder::default(), Vec::new(), text);
    let mut change = bullhorn::uppercase::Change::Nothing;
    for length in lengths {
        let (read, behind) = rest.split_at(rest.len().min(usize::from(length)));
        change = change.max(remainder.append(read, &mut answer));
        assert!(remainder.len() <= 3);
        rest = behind;
    }
    change = change.max(remainder.append(rest, &mut answer));
    remainder.finish(&mut answer);
    assert!(remainder.is_empty());
    assert_eq!(answer, expected);
    assert_eq!(change, whole);
});
