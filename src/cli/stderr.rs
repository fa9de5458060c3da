//! Standard error, for every verb: what is printed here is queued, written by one thread in order,
//! and dropped and counted where it cannot be written. Nothing waits for a reader.
//!
//! [`line`] and [`print()`] are for the verb's own lines, [`log`] for those of any thread.

use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::sync::LazyLock;

use super::line_writer::LineWriter;
use bullhorn_socket::visible::Visible;

static STDERR: LazyLock<LineWriter<BorrowedFd<'static>>> =
    LazyLock::new(|| LineWriter::new(rustix::stdio::stderr(), Some(gap_line)));

fn gap_line(dropped: u64) -> String {
    let lines = if dropped == 1 { "line" } else { "lines" };
    format!("bullhorn: warning: dropped {dropped} {lines} that could not be written here\n")
}

/// Prints one line, with control characters made visible.
pub(super) fn line(line: impl Display) {
    STDERR.push(format!("{}\n", Visible(&line.to_string())).into_bytes());
}

/// Draws what the next drawing replaces: left out, without a count, while anything is queued.
pub(super) fn draw(text: impl Display) {
    STDERR.draw(text.to_string().into_bytes());
}

/// Prints the lines that `write` writes.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let mut lines = Vec::new();
    // Nothing fails to be written to memory.
    let _ = write(&mut lines);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        STDERR.push(line.to_vec());
    }
}

/// Prints one line of the log, with its line end, from any thread. Never waits.
pub(super) fn log(line: Vec<u8>) {
    STDERR.log(line);
}

/// Starts to write. Lines are queued before that; a thread that is started before a sandbox would be
/// outside of it.
pub(super) fn start() {
    STDERR.start();
}

/// Sets lines of the log aside for as long as what is returned lives: what is printed meanwhile comes
/// before them.
pub(super) fn hold_log() -> HeldLog {
    STDERR.hold_log();
    HeldLog
}

pub(super) struct HeldLog;

impl Drop for HeldLog {
    fn drop(&mut self) {
        STDERR.release_log();
    }
}

/// How many lines were dropped up to now.
pub(super) fn dropped_lines() -> u64 {
    STDERR.dropped()
}

/// Waits for the lines up to now, but not for a reader that does not read: what is written to standard
/// output next comes after them where both go to one terminal.
pub(super) fn settle() {
    STDERR.settle();
}

/// Waits for the last lines, but not for a reader that does not read: the end of every verb.
pub(super) fn flush() {
    // Where this cannot be written, there is nowhere to say so.
    let _ = STDERR.finish();
}
