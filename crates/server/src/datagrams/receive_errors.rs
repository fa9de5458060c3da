//! What a worker does when receiving fails: it retries, at once while the error may be temporary.
//!
//! Most errors of a receive call are over with the call: a pending error of the socket, a moment
//! without memory. Only a persistent error causes a pause, so that it does not keep a CPU busy.

use std::io;
use std::time::{Duration, Instant};

use crate::log_throttle::{LogThrottle, Repeats};

/// The number of errors in a row that are retried at once.
const MAX_IMMEDIATE_RETRIES: u32 = 8;

/// The pause after each further error.
const PAUSE: Duration = Duration::from_millis(10);

/// The errors of one worker since its last batch.
#[derive(Debug, Default)]
pub(super) struct ReceiveErrors {
    in_a_row: u32,
    warning: LogThrottle,
}

/// What to do after an error before receiving again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reaction {
    pub(super) pause: Option<Duration>,
    /// To be logged now, with the number of errors since the last line.
    pub(super) warning: Option<Repeats>,
}

impl ReceiveErrors {
    /// A batch was received.
    pub(super) fn clear(&mut self) {
        self.in_a_row = 0;
    }

    /// Receiving failed at `now`. An empty queue and a signal are not failures.
    pub(super) fn add(&mut self, error: &io::Error, now: Instant) -> Reaction {
        if matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        ) {
            return Reaction::default();
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        Reaction {
            pause: (self.in_a_row > MAX_IMMEDIATE_RETRIES).then_some(PAUSE),
            warning: self.warning.note_many(1, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn a_temporary_error_causes_no_pause() {
        let mut errors = ReceiveErrors::default();
        let now = Instant::now();
        for _ in 0..100 {
            for number in [libc::ENOMEM, libc::ECONNREFUSED, libc::EIO] {
                assert_eq!(errors.add(&error(number), now).pause, None);
            }
            errors.clear();
        }
    }

    #[test]
    fn a_persistent_error_causes_pauses() {
        let mut errors = ReceiveErrors::default();
        let now = Instant::now();
        let paused = (0..100).filter(|_| errors.add(&error(libc::ENOMEM), now).pause.is_some());
        assert_eq!(paused.count(), 100 - MAX_IMMEDIATE_RETRIES as usize);
        errors.clear();
        assert_eq!(errors.add(&error(libc::ENOMEM), now).pause, None);
    }

    #[test]
    fn an_empty_queue_and_a_signal_are_not_errors() {
        let mut errors = ReceiveErrors::default();
        for _ in 0..100 {
            for number in [libc::EAGAIN, libc::EINTR] {
                let reaction = errors.add(&error(number), Instant::now());
                assert_eq!(reaction, Reaction::default());
            }
        }
    }

    #[test]
    fn a_warning_comes_at_most_every_30_seconds_and_counts_the_errors_since() {
        let mut errors = ReceiveErrors::default();
        let begin = Instant::now();
        let warnings: Vec<_> = (0..70)
            .filter_map(|second| {
                let now = begin + Duration::from_secs(second);
                errors.add(&error(libc::EIO), now).warning
            })
            .map(|times| times.to_string())
            .collect();
        assert_eq!(warnings, ["", " (30 times)", " (30 times)"]);
    }
}
