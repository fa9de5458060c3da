//! A client calls an answer right exactly when it is the text in capitals by the naive way.

#![no_main]

use bullhorn_client::fuzzing::check;
use bullhorn_fuzz::capitals;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], u8, &[u8])| {
    let (text, kept, behind) = input;
    assert_eq!(check(text, &capitals(text)), None);
    // The beginning of the right answer, and then anything.
    let mut answer = capitals(text);
    answer.truncate(kept.into());
    answer.extend_from_slice(behind);
    for answer in [answer.as_slice(), behind] {
        assert_eq!(check(text, answer).is_none(), answer == capitals(text));
    }
});
