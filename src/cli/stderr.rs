//! Standard error, the same for every verb: what is printed here is queued, written by one thread in
//! order, and dropped and counted where it cannot be written. Nothing waits for a reader.
//!
//! [`line`] and [`print()`] are for the verb's own lines, [`log`] for those of any thread.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::LazyLock;
use std::time::Duration;

use super::writer::Writer;
use bullhorn_socket::visible::Visible;

static STDERR: LazyLock<Writer> =
    LazyLock::new(|| Writer::new(Some(rustix::stdio::stderr()), Some(gap_line)));

/// When nothing was written for this long, the reader does not read.
const STALL_TIMEOUT: Duration = Duration::from_millis(250);

fn gap_line(dropped: u64) -> String {
    let lines = if dropped == 1 { "line" } else { "lines" };
    format!("bullhorn: warning: dropped {dropped} {lines} that could not be written here\n")
}

/// Prints one line, with control characters made visible.
pub(super) fn line(line: impl Display) {
    push(format!("{}\n", Visible(&line.to_string())).as_bytes());
}

/// Prints the lines that `write` writes.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let mut lines = Vec::new();
    // Nothing fails to be written to memory.
    let _ = write(&mut lines);
    lines.split_inclusive(|byte| *byte == b'\n').for_each(push);
}

fn push(line: &[u8]) {
    STDERR.wait_for_room(Some(STALL_TIMEOUT));
    STDERR.try_push(|to| to.write_all(line));
}

/// Draws what the next drawing replaces: left out, without a count, while anything is queued.
pub(super) fn draw(text: impl Display) {
    let text = text.to_string();
    STDERR.draw(|to| to.write_all(text.as_bytes()));
}

/// Prints one line of the log, with its line end, from any thread. Never waits.
pub(super) fn log(line: &[u8]) {
    STDERR.log(line);
}

/// Starts to write. Lines are queued before that: the sandbox would not apply to a thread that is
/// started before it.
pub(super) fn start() {
    STDERR.start();
}

/// Sets lines of the log aside until [`start`]: what is printed meanwhile comes before them.
pub(super) fn hold_log() {
    STDERR.hold_log();
}

/// How many lines were dropped.
pub(super) fn dropped_lines() -> u64 {
    STDERR.dropped()
}

/// Waits until the lines printed so far are written, but not for a reader that does not read: what is
/// written to standard output next comes after them where both go to one terminal.
pub(super) fn settle() {
    STDERR.settle(Some(STALL_TIMEOUT));
}

/// As [`settle`], for the lines of a verb that has not started to write.
pub(super) fn flush() {
    STDERR.flush(Some(STALL_TIMEOUT));
}

/// Waits a moment for the last lines: the end of every verb.
pub(super) fn finish() {
    STDERR.end_soon();
    flush();
}
