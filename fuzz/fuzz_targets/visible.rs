//! A displayed text has nothing that a terminal would interpret; all else stays unchanged.

#![no_main]

use bullhorn_socket::visible::VisibleBytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let shown = VisibleBytes(bytes).to_string();
    assert!(!shown.chars().any(is_control_or_bidi), "{shown:?}");
    // Only escaping happens: without anything to escape, the text is unchanged.
    match std::str::from_utf8(bytes) {
        Ok(text) if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => assert_eq!(shown, text),
        Ok(text) => assert!(shown.len() >= text.len()),
        Err(_) => assert!(shown.contains("\\x")),
    }
});

/// The general category Cc and the property Bidi_Control of the Unicode Character Database.
fn is_control_or_bidi(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}
