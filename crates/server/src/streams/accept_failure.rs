//! What to do after a failed accept(2), by its error.
//!
//! "Linux accept() passes already-pending network errors on the new socket as an error code from
//! accept()" (accept(2), "Error handling"): such an error concerns one connection, and the next may
//! be fine. Without descriptors or memory no connection can be accepted until one closes, and trying
//! again at once would only keep a CPU busy.

use std::io;
use std::time::Duration;

use super::kernel::CONNECTION_ERRORS;

/// The first pause while nothing can be accepted; each further one is twice as long.
const MIN_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause, and so the longest that clients wait once descriptors are free again.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// More transient errors in a row than this are treated as a persistent one, so that nothing spins.
const MAX_TRANSIENT: u32 = 32;

/// Whether an error of accept(2) concerns only one connection, which is gone.
fn is_transient(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    number.is_some_and(|number| CONNECTION_ERRORS.contains(&number))
}

/// The failures since the last accepted connection.
#[derive(Debug, Default)]
pub struct Failures {
    in_a_row: u32,
    pause: Option<Duration>,
}

impl Failures {
    /// The pause before the next accept; `None` for none.
    pub fn pause_after(&mut self, error: &io::Error) -> Option<Duration> {
        self.in_a_row = self.in_a_row.saturating_add(1);
        if is_transient(error) && self.in_a_row <= MAX_TRANSIENT {
            return None;
        }
        let pause = match self.pause {
            Some(pause) => (pause * 2).min(MAX_PAUSE),
            None => MIN_PAUSE,
        };
        self.pause = Some(pause);
        self.pause
    }

    /// A connection was accepted.
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
    fn an_error_of_one_connection_causes_no_pause() {
        for number in [libc::ECONNABORTED, libc::EPROTO, libc::ENETDOWN] {
            assert_eq!(Failures::default().pause_after(&error(number)), None);
        }
    }

    #[test]
    fn without_descriptors_or_memory_each_pause_is_twice_the_last_up_to_a_second() {
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
            assert_eq!(failures.pause_after(&error(number)), Some(MIN_PAUSE));
        }
    }

    #[test]
    fn a_transient_error_that_persists_causes_a_pause() {
        let mut failures = Failures::default();
        let pauses = (0..100).filter(|_| failures.pause_after(&error(libc::EPROTO)).is_some());
        assert_eq!(pauses.count(), 100 - MAX_TRANSIENT as usize);
    }
}
