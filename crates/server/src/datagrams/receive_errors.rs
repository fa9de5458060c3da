//! What a worker does when receiving fails: it tries again, at once as long as the error may pass.
//!
//! Most errors of a receive call are over with the call: a pending error of the socket, a moment
//! without memory. Only one that stays is paused after, so that it does not take a whole processor.

use std::io;
use std::time::{Duration, Instant};

use crate::log_throttle::{LogThrottle, Repeats};

/// So many errors in a row are tried again at once.
const AT_ONCE: u32 = 8;

/// The pause after each one more.
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
    /// To be told now, with how many errors there were since the last time.
    pub(super) warning: Option<Repeats>,
}

impl ReceiveErrors {
    /// A batch was received: whatever was wrong is over.
    pub(super) fn clear(&mut self) {
        self.in_a_row = 0;
    }

    /// Receiving failed at `now`. An empty queue and a signal are no failures.
    pub(super) fn add(&mut self, error: &io::Error, now: Instant) -> Reaction {
        if matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        ) {
            return Reaction::default();
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        Reaction {
            pause: (self.in_a_row > AT_ONCE).then_some(PAUSE),
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
    fn an_error_that_passes_costs_no_time() {
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
    fn an_error_that_stays_is_paused_after() {
        let mut errors = ReceiveErrors::default();
        let now = Instant::now();
        let paused = (0..100).filter(|_| errors.add(&error(libc::ENOMEM), now).pause.is_some());
        assert_eq!(paused.count(), 100 - AT_ONCE as usize);
        errors.clear();
        assert_eq!(errors.add(&error(libc::ENOMEM), now).pause, None);
    }

    #[test]
    fn an_empty_queue_and_a_signal_are_no_errors() {
        let mut errors = ReceiveErrors::default();
        for _ in 0..100 {
            for number in [libc::EAGAIN, libc::EINTR] {
                let reaction = errors.add(&error(number), Instant::now());
                assert_eq!(reaction, Reaction::default());
            }
        }
    }

    #[test]
    fn a_warning_comes_at_most_every_30_seconds_and_says_how_many_were_passed_over() {
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
