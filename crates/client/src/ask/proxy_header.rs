//! Recognises the header of the PROXY protocol, which a proxy puts before what it passes on. A
//! server that does not read it answers it as part of the text. Neither form changes in capitals.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, sections 2.1 and 2.2

/// The maximum length of a header that is waited for, in bytes: what a TCP segment always carries.
#[cfg(feature = "probe")]
pub(crate) const MAX_LENGTH: usize = 536;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, two bytes of commands, and the length of the rest in two bytes.
const FIXED_LENGTH: usize = 16;

const LINES: [&[u8]; 3] = [b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN"];

/// The version of the header at the beginning of `bytes`.
pub(crate) fn version(bytes: &[u8]) -> Option<u8> {
    if bytes.starts_with(SIGNATURE) {
        Some(2)
    } else if LINES.iter().any(|line| bytes.starts_with(line)) {
        Some(1)
    } else {
        None
    }
}

/// The length of the header at the beginning of `bytes`, once it is complete.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    let length = match version(bytes)? {
        1 => bytes.iter().position(|byte| *byte == b'\n')? + 1,
        _ => {
            let rest = bytes.get(FIXED_LENGTH - 2..)?.first_chunk()?;
            FIXED_LENGTH + usize::from(u16::from_be_bytes(*rest))
        }
    };
    (length <= bytes.len()).then_some(length)
}

/// How many of `bytes` belong to a header at their beginning.
#[cfg(feature = "probe")]
pub(crate) fn arrived(bytes: &[u8]) -> usize {
    version(bytes).map_or(0, |_| length(bytes).unwrap_or(bytes.len()))
}

/// The line ends in the header at the beginning of `bytes`, which end no answer; more than any
/// answer has while it is incomplete.
pub(crate) fn line_ends(bytes: &[u8]) -> usize {
    if version(bytes).is_none() {
        return 0;
    }
    let header = length(bytes).map(|length| &bytes[..length]);
    header.map_or(usize::MAX / 2, |header| {
        header.iter().filter(|byte| **byte == b'\n').count()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 3000\r\n";
    const BINARY: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\x30\x39\n\xb8";

    #[test]
    fn either_version_is_recognised_at_the_beginning_alone() {
        for (bytes, expected) in [
            (TEXT, Some(1)),
            (b"PROXY UNKNOWN\r\n", Some(1)),
            (BINARY, Some(2)),
            (b"PROXY", None),
            (b"A PROXY TCP4 192.0.2.1", None),
            (b"\r\n\r\n\0\r\n", None),
            (b"", None),
        ] {
            assert_eq!(version(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_header_ends_before_the_answer() {
        for (header, ends) in [(TEXT, 1), (BINARY, 5)] {
            let all = [header, b"ABC\n"].concat();
            assert_eq!((length(&all), line_ends(&all)), (Some(header.len()), ends));
            for end in 13..header.len() {
                assert_eq!(length(&all[..end]), None, "{end}");
                assert!(line_ends(&all[..end]) > 1_000_000);
            }
        }
        assert_eq!((length(b"ABC\n"), line_ends(b"ABC\n")), (None, 0));
    }
}
