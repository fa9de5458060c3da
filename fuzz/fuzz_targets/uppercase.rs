//! Both ways to upper-case a text against the naive one.

#![no_main]

use capitals::{Change, MAX_GROWTH, append, in_place};
use bullhorn_fuzz::capitals;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let expected = capitals(text);
    let mut answer = b"before".to_vec();
    let change = append(text, &mut answer);
    assert_eq!(answer.strip_prefix(b"before"), Some(expected.as_slice()));
    assert!(expected.len() <= MAX_GROWTH * text.len());
    assert_eq!(change == Change::Unchanged, text == expected);

    let mut place = text.to_vec();
    let result = in_place(&mut place);
    let (capitals, rest) = place.split_at(result.converted_len);
    assert_eq!(rest, &text[result.converted_len..]);
    assert_eq!(capitals, &expected[..result.converted_len]);
    assert_eq!(result.changed, capitals != &text[..result.converted_len]);
    assert_eq!(result.converted_len == text.len(), change != Change::Resized);
});
