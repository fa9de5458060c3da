//! The values of an impairment: rates and delays.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::error::ParseImpairmentError;

/// A share of all answers, from 0 to 100 %.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    percent: f64,
}

impl Rate {
    /// The rate as a number from 0 to 1.
    pub fn share(self) -> f64 {
        self.percent / 100.0
    }
}

impl FromStr for Rate {
    type Err = ParseImpairmentError;

    fn from_str(text: &str) -> Result<Self, ParseImpairmentError> {
        let percent: f64 = text
            .strip_suffix('%')
            .and_then(|number| number.trim().parse().ok())
            .ok_or_else(|| ParseImpairmentError::NotPercent(text.to_owned()))?;
        if (0.0..=100.0).contains(&percent) {
            Ok(Self { percent })
        } else {
            Err(ParseImpairmentError::PercentOutOfRange(text.to_owned()))
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

/// The longest delay: longer than anyone waits, and short enough that a sum with a time cannot overflow.
const MAX_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A duration and its deviation to both sides: `20ms±5ms`, also written `20ms+-5ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    centre: Duration,
    deviation: Duration,
}

impl Spread {
    /// The value at `position`, from 0 for the least to 1 for the greatest.
    pub fn at(self, position: f64) -> Duration {
        (self.centre - self.deviation) + (2 * self.deviation).mul_f64(position.clamp(0.0, 1.0))
    }
}

impl FromStr for Spread {
    type Err = ParseImpairmentError;

    fn from_str(text: &str) -> Result<Self, ParseImpairmentError> {
        let duration = |text: &str| {
            humantime::parse_duration(text.trim()).map_err(|error| {
                ParseImpairmentError::NotDuration {
                    text: text.to_owned(),
                    reason: error.to_string(),
                }
            })
        };
        let (centre, deviation) = text
            .split_once('±')
            .or_else(|| text.split_once("+-"))
            .unwrap_or((text, "0s"));
        let (centre, deviation) = (duration(centre)?, duration(deviation)?);
        if centre > MAX_DELAY {
            return Err(ParseImpairmentError::DelayTooLong(text.to_owned()));
        }
        if deviation > centre {
            return Err(ParseImpairmentError::NegativeDelay(text.to_owned()));
        }
        Ok(Self { centre, deviation })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}±{}",
            humantime::format_duration(self.centre),
            humantime::format_duration(self.deviation)
        )
    }
}
