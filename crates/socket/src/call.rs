//! Each socket call as a line of the log (`-vv`): its arguments and its result, in the manner of
//! strace, so that the log reads like the lesson.
//!
//! Costs one load and a branch while it is not enabled.

use std::fmt::{self, Display};
use std::io;

/// The tracing target of the socket calls.
pub(crate) const TARGET: &str = "bullhorn::call";

/// Whether the log is enabled; check it before preparing something costly to show.
pub(crate) fn is_traced() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::TRACE)
}

/// Logs `call` with its result and hands the result on. A successful call shows what `shown`
/// makes of its value.
pub fn traced<T, D: Display>(
    call: fmt::Arguments<'_>,
    result: io::Result<T>,
    shown: impl FnOnce(&T) -> D,
) -> io::Result<T> {
    if is_traced() {
        match &result {
            Ok(value) => tracing::trace!(target: TARGET, "{call} = {}", shown(value)),
            Err(error) => {
                tracing::trace!(target: TARGET, "{call} = -1 ({})", crate::error::plain(error));
            }
        }
    }
    result
}

/// [`traced`] for calls that return 0.
pub fn traced_zero(call: fmt::Arguments<'_>, result: io::Result<()>) -> io::Result<()> {
    traced(call, result, |()| 0)
}

/// Bytes as a quoted string, at most 60 of them, with everything that is not plain made visible.
#[derive(Debug)]
pub struct Excerpt<'a>(pub &'a [u8]);

impl Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 60;
        let shown = &self.0[..self.0.len().min(MOST)];
        f.write_str("\"")?;
        for chunk in shown.utf8_chunks() {
            write!(f, "{}", crate::visible::Visible(chunk.valid()))?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str("\"")?;
        if self.0.len() > MOST {
            f.write_str("...")?;
        }
        Ok(())
    }
}
