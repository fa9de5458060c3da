//! What to do when accept(2) fails, by its error.
//!
//! "Linux accept() passes already-pending network errors on the new socket as an error code from
//! accept()" (accept(2), "Error handling"): such an error is one connection's, and the next may be
//! fine. Without descriptors or memory no connection can be taken until one ends, and asking again
//! at once would only take a processor.

use std::io;
use std::time::Duration;

/// The first wait when nothing can be accepted; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest wait, and so the longest that clients wait for descriptors that are free again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// So many passing errors in a row are taken for one that lasts: nothing may spin.
const MOST_PASSING: u32 = 32;

/// Whether an error of accept(2) is the affair of one connection, which is gone.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EINTR
                | libc::EPERM
                | libc::ENETDOWN
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
                | libc::ECONNRESET
                | libc::ETIMEDOUT
        )
    )
}

/// The failures since the last connection that was accepted.
#[derive(Debug, Default)]
pub struct Failures {
    in_a_row: u32,
    pause: Option<Duration>,
}

impl Failures {
    /// How long to wait before accepting again; `None` is not at all.
    pub fn pause_after(&mut self, error: &io::Error) -> Option<Duration> {
        self.in_a_row = self.in_a_row.saturating_add(1);
        if is_passing(error) && self.in_a_row <= MOST_PASSING {
            return None;
        }
        let pause = match self.pause {
            Some(pause) => (pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        self.pause = Some(pause);
        self.pause
    }

    /// A connection was accepted: all is well again.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn what_is_one_connections_affair_costs_no_wait() {
        for number in [libc::ECONNABORTED, libc::EPROTO, libc::ENETDOWN] {
            assert_eq!(Failures::default().pause_after(&error(number)), None);
        }
    }

    #[test]
    fn without_descriptors_or_memory_each_wait_is_twice_the_last_up_to_a_second() {
        for number in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOBUFS,
            libc::ENOMEM,
            libc::EINVAL,
        ] {
            let mut failures = Failures::default();
            let pauses: Vec<u128> = (0..9)
                .map(|_| failures.pause_after(&error(number)).unwrap().as_millis())
                .collect();
            assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
            failures.forget();
            assert_eq!(failures.pause_after(&error(number)), Some(FIRST_PAUSE));
        }
    }

    #[test]
    fn a_passing_error_that_does_not_pass_is_waited_for() {
        let mut failures = Failures::default();
        let waits = (0..100).filter(|_| failures.pause_after(&error(libc::EPROTO)).is_some());
        assert_eq!(waits.count(), 100 - MOST_PASSING as usize);
    }
}
