//! Text from the network and from the command line, made safe to look at: control, escape and
//! invisible direction characters become visible, so that no answer, path or argument can recolour,
//! retitle or reorder a terminal.

use std::fmt::{self, Write};
use std::io;

/// Shows a text with everything that could act on a terminal escaped as Rust writes it: `\n`,
/// `\u{1b}`, `\u{202e}`. A backslash stays one, as this is for reading and not for parsing back.
#[derive(Debug)]
pub struct Visible<'a>(pub &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if acts(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Bytes for a terminal: as [`Visible`], with `\xNN` for what is not UTF-8.
#[derive(Debug)]
pub struct VisibleBytes<'a>(pub &'a [u8]);

impl fmt::Display for VisibleBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            write!(f, "{}", Visible(chunk.valid()))?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Passes lines on as [`VisibleBytes`] shows them, each with its end. Each report for people is
/// written through one: what it names, a path or a user, may have been chosen by another user.
#[derive(Debug)]
pub struct VisibleLines<W>(pub W);

impl<W: io::Write> io::Write for VisibleLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(text) => writeln!(self.0, "{}", VisibleBytes(text))?,
                None => write!(self.0, "{}", VisibleBytes(line))?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether a terminal would do something at this character other than show it: the control
/// characters (C0, DEL, C1), the direction controls of UAX #9, line and paragraph separators, and
/// characters of no width that hide in a text.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_is_displayed_and_not_interpreted() {
        assert_eq!(
            Visible("\u{1b}[31mRED\u{7}").to_string(),
            "\\u{1b}[31mRED\\u{7}"
        );
    }

    #[test]
    fn direction_overrides_are_shown() {
        assert_eq!(Visible("A\u{202e}B").to_string(), "A\\u{202e}B");
    }

    #[test]
    fn ordinary_text_of_any_script_stays() {
        let text = "GRÜSSE, МИР, 世界 👩‍👩‍👧 \\";
        assert_eq!(Visible(text).to_string(), text);
    }

    #[test]
    fn lines_keep_only_their_line_ends() {
        let mut shown = Vec::new();
        let mut lines = VisibleLines(&mut shown);
        io::Write::write_all(&mut lines, b"a\x1bb\n\nc\r\n\xff").unwrap();
        assert_eq!(shown, b"a\\u{1b}b\n\nc\\r\n\\xff");
    }

    #[test]
    fn bytes_that_are_not_utf_8_become_hexadecimal() {
        assert_eq!(VisibleBytes(b"A\xffB\n").to_string(), "A\\xffB\\n");
    }
}
