//! Standard output, the same for every verb: a bounded queue, and one thread that writes what is in
//! it.
//!
//! Output never harms the work. A reader that is gone is no failure; any other failed write is
//! reported once, at the end, and makes the exit code 7 where the verb's own is 0. A full pipe, a
//! stopped terminal and a non-blocking descriptor hold up the writer thread alone.

mod writer;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use writer::{Queue, Writer};

use super::exit_code::ExitCode;
use super::stderr;
use bullhorn_socket::PollSet;
use bullhorn_socket::Stop;
use bullhorn_socket::error::plain;

/// How long [`Output::never_wait`] waits at the end for a reader that does not read.
const READER_TIMEOUT: Duration = Duration::from_secs(2);

/// The same after a signal: every verb ends within a second of it.
const STOP_TIMEOUT: Duration = Duration::from_millis(300);

/// How long the thread is left alone before the next look whether it has written.
const TURN: Duration = Duration::from_millis(5);

/// The standard output of a verb.
#[derive(Default)]
pub(super) struct Output {
    /// From the first line on.
    writer: Option<Arc<Writer>>,
    /// `None` waits for the reader as long as it takes.
    reader_timeout: Option<Duration>,
    stop: Stop,
    /// Known once the verb is to end: no wait goes on after this.
    stop_deadline: Option<Instant>,
    dropped: u64,
    failure: Option<io::Error>,
}

impl Output {
    /// From now on a reader that does not read holds up nothing but the end, and that for a bounded
    /// time: [`Self::event`] is the way to write while the work goes on.
    pub(super) fn never_wait(&mut self) {
        self.reader_timeout = Some(READER_TIMEOUT);
    }

    /// Waits for the reader only for a moment more once `stop` has come.
    pub(super) fn end_on(&mut self, stop: Stop) {
        self.stop = stop;
    }

    /// Writes what must not be missing, and waits for room where that is allowed.
    pub(super) fn write(&mut self, compose: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.reader_timeout.is_none() {
            self.wait_until(Queue::has_room);
        }
        self.append(compose);
    }

    /// Writes a line of a run that does not wait for its reader: drops and counts it when the queue
    /// is full.
    pub(super) fn event(&mut self, compose: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.queue_is(Queue::has_room) {
            self.append(compose);
        } else {
            self.dropped += 1;
        }
    }

    /// Draws what the next drawing replaces: left out, without a count, while anything is queued.
    pub(super) fn draw(&mut self, compose: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.queue_is(Queue::is_written) {
            self.append(compose);
        }
    }

    /// How many [events](Self::event) were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Waits until all is written, or for as long as is allowed.
    pub(super) fn flush(&mut self) {
        self.wait_until(Queue::is_written);
    }

    /// Writes the rest, reports what could not be written, and returns the exit code of a verb
    /// whose own is `code`.
    pub(super) fn finish(mut self, code: ExitCode) -> ExitCode {
        self.flush();
        let of_writer = self.writer.and_then(|writer| writer.take_failure());
        match self.failure.or(of_writer) {
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

    /// Before the first line there is nothing in the queue.
    fn queue_is(&self, condition: impl Fn(&Queue) -> bool) -> bool {
        let writer = self.writer.as_ref();
        writer.is_none_or(|writer| writer.is(condition))
    }

    /// Nothing is written after a failure: a gap would go unseen.
    fn append(&mut self, compose: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.failure.is_some() {
            return;
        }
        let appended = match &self.writer {
            Some(writer) => writer.append(compose),
            None => Writer::start().and_then(|writer| {
                let writer = self.writer.insert(writer);
                writer.append(compose)
            }),
        };
        self.failure = appended.err();
    }

    fn wait_until(&mut self, is_over: impl Fn(&Queue) -> bool) {
        if let Some(writer) = self.writer.clone()
            && self.failure.is_none()
        {
            self.failure = self.wait_for(&writer, is_over).err();
        }
    }

    /// The time runs from the last byte that went, as a slow reader is no dead one.
    fn wait_for(&mut self, writer: &Writer, is_over: impl Fn(&Queue) -> bool) -> io::Result<()> {
        let mut last_written = None;
        let mut deadline = None;
        while let Some(written) = writer.await_progress(&is_over) {
            let now = Instant::now();
            if last_written.replace(written) != Some(written) {
                deadline = self.reader_timeout.map(|timeout| now + timeout);
            }
            let deadline = [deadline, self.stop_deadline].into_iter().flatten().min();
            if deadline.is_some_and(|deadline| deadline <= now) {
                if Writer::has_room()? {
                    // The reader reads; it is the thread that has not had its turn.
                    std::thread::sleep(TURN);
                    continue;
                }
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "nobody reads it, and the rest is lost",
                ));
            }
            let mut poll = PollSet::default();
            poll.add(writer.as_fd(), true, false);
            if self.stop_deadline.is_none() {
                poll.add_stop(&self.stop);
            }
            poll.wait(deadline.map(|deadline| deadline - now))?;
            if self.stop_deadline.is_none() && self.stop.is_stopped() {
                self.stop_deadline = Some(Instant::now() + STOP_TIMEOUT);
            }
        }
        Ok(())
    }
}
