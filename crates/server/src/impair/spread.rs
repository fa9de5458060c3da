//! How often and how long: the values of an impairment.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A share of all answers, from 0 to 100 %.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    percent: f64,
}

impl Rate {
    /// From 0 to 1.
    pub fn share(self) -> f64 {
        self.percent / 100.0
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent: f64 = text
            .strip_suffix('%')
            .and_then(|number| number.trim().parse().ok())
            .ok_or_else(|| format!("{text:?} is no share in percent, as in 2%"))?;
        if (0.0..=100.0).contains(&percent) {
            Ok(Self { percent })
        } else {
            Err(format!("{text:?} is not between 0% and 100%"))
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

/// The longest delay: more than anybody waits, and no sum of it with a time is too large for one.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A duration and how far it may be off to both sides: `20ms±5ms`, also written `20ms+-5ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    centre: Duration,
    deviation: Duration,
}

impl Spread {
    /// The value at `place`, from 0 for the least to 1 for the greatest.
    pub fn at(self, place: f64) -> Duration {
        (self.centre - self.deviation) + (2 * self.deviation).mul_f64(place.clamp(0.0, 1.0))
    }
}

impl FromStr for Spread {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = |text: &str| {
            humantime::parse_duration(text.trim())
                .map_err(|error| format!("{text:?}: {error}; write it like 20ms±5ms or 20ms+-5ms"))
        };
        let (centre, deviation) = text
            .split_once('±')
            .or_else(|| text.split_once("+-"))
            .unwrap_or((text, "0s"));
        let (centre, deviation) = (duration(centre)?, duration(deviation)?);
        if centre > LONGEST {
            return Err(format!("{text:?} is longer than a day"));
        }
        if deviation > centre {
            return Err(format!("{text:?} would sometimes be less than no time"));
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
