//! Standard output, the same for every verb.
//!
//! Output never harms the work. A reader that is gone is no failure; any other failed write is
//! reported once, at the end, and makes the exit code 7 where the verb's own is 0.

use std::io;
use std::time::Duration;

use super::exit_code::ExitCode;
use super::stderr;
use super::writer::{Compose, Writer};
use bullhorn_socket::error::plain;
use bullhorn_socket::was_stdout_closed;

/// How long [`Output::never_wait`] waits at the end for a reader that does not read.
const READER_TIMEOUT: Duration = Duration::from_secs(2);

/// The standard output of a verb.
pub(super) struct Output {
    writer: Writer,
    /// `None` waits for the reader as long as it takes.
    reader_timeout: Option<Duration>,
}

impl Default for Output {
    fn default() -> Self {
        // std has opened /dev/null instead.
        let descriptor = (!was_stdout_closed()).then(rustix::stdio::stdout);
        let writer = Writer::new(descriptor, None);
        writer.start();
        Self {
            writer,
            reader_timeout: None,
        }
    }
}

impl Output {
    /// From now on a reader that does not read holds up nothing but the end, and that for a bounded
    /// time: [`Self::event`] is the way to write while the work goes on.
    pub(super) fn never_wait(&mut self) {
        self.reader_timeout = Some(READER_TIMEOUT);
    }

    /// To be called on the signal that ends the verb, from any thread: the reader is then waited for
    /// only a moment more.
    pub(super) fn on_signal(&self) -> impl Fn() + Send + 'static + use<> {
        let writer = self.writer.clone();
        move || writer.end_soon()
    }

    /// Writes what must not be missing, and waits for room where that is allowed.
    pub(super) fn write(&mut self, compose: impl Compose) {
        if self.reader_timeout.is_none() && !self.writer.wait_for_room(None) {
            self.fail_unread();
        }
        self.writer.push(compose);
    }

    /// Writes a line of a run that does not wait for its reader: drops and counts it when the queue
    /// is full.
    pub(super) fn event(&mut self, compose: impl Compose) {
        self.writer.try_push(compose);
    }

    /// Draws what the next drawing replaces: left out, without a count, while anything is queued.
    pub(super) fn draw(&mut self, compose: impl Compose) {
        self.writer.draw(compose);
    }

    /// How many [events](Self::event) were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.writer.dropped()
    }

    /// Waits until all is written, or for as long as is allowed.
    pub(super) fn flush(&mut self) {
        if !self.writer.flush(self.reader_timeout) {
            self.fail_unread();
        }
    }

    /// Writes the rest, reports what could not be written, and returns the exit code of a verb
    /// whose own is `code`.
    pub(super) fn finish(mut self, code: ExitCode) -> ExitCode {
        self.flush();
        match self.writer.take_failure() {
            None => code,
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
            Some(error) => {
                stderr::line(format_args!(
                    "bullhorn: cannot write the output: {}",
                    plain(&error)
                ));
                if code == ExitCode::Success {
                    ExitCode::Local
                } else {
                    code
                }
            }
        }
    }

    fn fail_unread(&self) {
        self.writer.fail(io::Error::new(
            io::ErrorKind::TimedOut,
            "nothing is reading it; the rest is lost",
        ));
    }
}
