//! How much memory a run takes: requests in flight, slots of the ledgers, buffers of texts.

use super::problem::SettingsError;
use super::settings::{MAX_BYTES, Settings};
use bullhorn_socket::datagrams::BUFFER_SIZE;
use bullhorn_socket::datagrams::MAX_SEGMENTS;

/// How many windows a flow may get ahead of an overtaken request, which is lost then.
const WINDOWS_AHEAD: usize = 8;

/// The fewest slots of a ledger.
const MIN_SLOTS: usize = 256;

/// The most slots of all ledgers with a schedule together, unless there are very many flows.
const MAX_SLOTS: usize = 1 << 22;

/// The most numbers of lost requests that all flows together remember.
const MAX_LOST: usize = 1 << 20;

/// The most bytes of the texts, and of their answers, that all workers together send at once.
const BURST_BYTES: usize = 1 << 26;

/// The most texts that a flow with a schedule sends at once: one run.
const OPEN_BURST: usize = MAX_SEGMENTS;

/// What the workers of a run allocate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    /// The most texts sent at once.
    pub(super) burst: usize,
    /// The most texts or answers in one buffer.
    pub(super) run: usize,
    /// The send times that a ledger keeps.
    pub(super) slots: usize,
    /// The numbers of lost requests that a ledger remembers.
    pub(super) lost: usize,
}

impl Capacity {
    /// What texts of `text_length` bytes and answers of `answer_length` need. `joins` means that
    /// several texts travel in one buffer.
    ///
    /// # Errors
    /// [`SettingsError::InFlight`] and [`SettingsError::Memory`] when it is more than [`MAX_BYTES`].
    pub(super) fn new(
        settings: &Settings,
        text_length: usize,
        answer_length: usize,
        joins: bool,
    ) -> Result<Self, SettingsError> {
        let flows = settings.flows.max(1) as usize;
        let threads = settings.threads.max(1) as usize;
        let window = settings.window.unwrap_or(1).max(1) as usize;
        let pair_bytes = text_length.saturating_add(answer_length).max(1);
        let (burst, slots) = match settings.rate {
            None => {
                // A run goes out whole; single datagrams go out in half windows, so that neither
                // side ever idles.
                let burst = if joins { window } else { window.div_ceil(2) };
                (burst, window.saturating_mul(WINDOWS_AHEAD))
            }
            Some(rate) => {
                let in_time = rate * settings.timeout.as_secs_f64() / flows as f64;
                (
                    OPEN_BURST,
                    ((in_time * 2.0) as usize).min(MAX_SLOTS / flows),
                )
            }
        };
        let burst = burst.min(BURST_BYTES / threads / pair_bytes).max(1);
        let capacity = Self {
            burst,
            run: burst.max(BUFFER_SIZE / answer_length.max(1) + 1),
            slots: slots.max(MIN_SLOTS).max(burst).next_power_of_two(),
            lost: (MAX_LOST / flows).clamp(MIN_SLOTS, 1 << 16),
        };
        capacity.check(settings, text_length, pair_bytes)?;
        Ok(capacity)
    }

    fn check(
        self,
        settings: &Settings,
        text_length: usize,
        pair_bytes: usize,
    ) -> Result<(), SettingsError> {
        let window = match settings.rate {
            None => u128::from(settings.window.unwrap_or(1)),
            Some(_) => 1,
        };
        let flows = u128::from(settings.flows);
        let in_flight = flows * window * text_length as u128;
        let times = if settings.rate.is_some() { 2 } else { 1 };
        let slots = (self.slots * times + self.lost) * size_of::<u64>();
        let texts = u128::from(settings.threads) * (self.run + 1) as u128 * pair_bytes as u128;
        let own = flows * slots as u128 + texts;
        if in_flight > MAX_BYTES {
            Err(SettingsError::InFlight(in_flight))
        } else if own > MAX_BYTES {
            Err(SettingsError::Memory(own))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn settings(flows: u32, window: u32, rate: Option<f64>, threads: u32) -> Settings {
        Settings {
            flows,
            window: Some(window),
            rate,
            threads,
            ..Settings::default()
        }
    }

    #[test]
    fn a_gibibyte_in_flight_is_allowed_and_more_is_an_error_that_states_the_limit() {
        let length = 1 << 20;
        assert!(Capacity::new(&settings(16, 64, None, 1), length, length, true).is_ok());
        let error = Capacity::new(&settings(16, 65, None, 1), length, length, true).unwrap_err();
        assert_eq!(error, SettingsError::InFlight(MAX_BYTES * 65 / 64));
        assert!(error.to_string().contains("(1 GiB)"), "{error}");
        let error = Capacity::new(&settings(1 << 20, 1, None, 1), 16, 16, true).unwrap_err();
        assert!(error.to_string().contains("(1 GiB)"), "{error}");
    }

    #[test]
    fn ordinary_loads_get_the_buffers_that_they_request() {
        for (window, burst) in [(64, 64), (65_536, 65_536), (1, 1)] {
            let capacity = Capacity::new(&settings(1, window, None, 1), 64, 64, true).unwrap();
            assert_eq!((capacity.burst, capacity.lost), (burst, 1 << 16));
            assert!(capacity.slots >= window as usize * WINDOWS_AHEAD);
        }
        let largest = Capacity::new(&settings(16, 64, None, 1), 65_507, 65_507, true).unwrap();
        assert_eq!(largest.burst, 64);
    }

    proptest! {
        #[test]
        fn no_request_overflows(
            flows in 1u32.., window in 1u32.., rate in prop::option::of(1e-9f64..4.3e9), threads in 1u32..,
            text_length in 1usize.., growth in 1usize..4, seconds in 0u64..u64::MAX,
        ) {
            let settings = Settings {
                timeout: Duration::from_secs(seconds),
                ..settings(flows, window, rate, threads)
            };
            let answer_length = text_length.saturating_mul(growth);
            if let Ok(capacity) = Capacity::new(&settings, text_length, answer_length, true) {
                let slots = capacity.slots as u128 * u128::from(flows) * 8;
                prop_assert!(slots <= MAX_BYTES);
                prop_assert!(capacity.burst <= capacity.run && capacity.burst <= capacity.slots);
            }
        }
    }
}
