//! Answers for people and for pipes, and failures.

use std::io::{self, Write};

use bullhorn_client::request::Answer;
use bullhorn_socket::error::Error;
use bullhorn_socket::visible::{VisibleBytes, VisibleLines};

/// The bytes of an answer and a line end, for a pipe.
pub(crate) fn answer_raw(to: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    to.write_all(answer.as_bytes())?;
    to.write_all(b"\n")
}

/// An answer with control, escape and bidi characters made visible, for a terminal.
pub(crate) fn answer_visible(to: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    writeln!(to, "{}", VisibleBytes(answer.as_bytes()))
}

/// `text 7: no answer from ...`
pub(crate) fn failure_text(to: &mut dyn Write, number: u64, error: &Error) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    writeln!(to, "bullhorn: text {number}: {error}")
}
