//! The rate limit as it is typed.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// The default datagrams per second for one address on a server that other machines can reach: more
/// than a person, a prober every millisecond or a checker needs, and, at three bytes out for one
/// in, hardly worth spoofing for.
///
/// ```
/// assert_eq!(bullhorn_server::DEFAULT_RATE.get(), 1000);
/// ```
pub const DEFAULT_RATE: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// The rate at which one source is answered: `1000/s` from one address, or `off`.
///
/// ```
/// use bullhorn_server::RateLimit;
///
/// let limit: RateLimit = "1000/s".parse()?;
/// assert_eq!(limit, RateLimit::PerSecond(1000.try_into()?));
/// assert_eq!("off".parse(), Ok(RateLimit::Off));
/// assert_eq!(RateLimit::default(), RateLimit::Automatic);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateLimit {
    /// [`DEFAULT_RATE`] for sources that are not loopback, if any endpoint is not either; otherwise
    /// off.
    #[default]
    Automatic,
    /// Without a limit.
    Off,
    /// Datagrams per second from one address, and multiples of it from the surrounding networks.
    PerSecond(NonZeroU32),
}

impl FromStr for RateLimit {
    type Err = ParseRateLimitError;

    fn from_str(text: &str) -> Result<Self, ParseRateLimitError> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.strip_suffix("/s")
            .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|number| number.parse().ok())
            .map(Self::PerSecond)
            .ok_or(ParseRateLimitError)
    }
}

/// A text that is not a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a number from 1 to 4294967295 and /s, as in 1000/s, or off")]
#[non_exhaustive]
pub struct ParseRateLimitError;

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => f.write_str("automatic"),
            Self::Off => f.write_str("off"),
            Self::PerSecond(rate) => write!(f, "{rate}/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_a_rate_gets_an_example_of_one() {
        for text in [
            "",
            "1000",
            "0/s",
            "+1/s",
            "-1/s",
            "1.5/s",
            "1000/m",
            "4294967296/s",
            "on",
        ] {
            let error = text.parse::<RateLimit>().unwrap_err().to_string();
            assert!(error.contains("1000/s"), "{text}: {error}");
        }
    }
}
