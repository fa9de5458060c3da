//! The bad network that was asked for.

use std::fmt;
use std::str::FromStr;

use super::error::ParseImpairmentError;
use super::spread::{Rate, Spread};

/// The loss, duplication, reordering, corruption and delay of answers to datagrams.
///
/// ```
/// use bullhorn_server::Impairment;
///
/// let impairment: Impairment = "loss=2%,duplicate=1%,delay=20ms±5ms".parse()?;
/// assert_eq!(impairment.to_string(), "loss=2%,duplicate=1%,delay=20ms±5ms");
/// # Ok::<(), bullhorn_server::ParseImpairmentError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Impairment {
    /// The answer is not sent.
    pub loss: Rate,
    /// The answer is sent twice, one copy right after the other.
    pub duplicate: Rate,
    /// The answer is held back until the next answer to the same flow has been sent, at most for
    /// half a second.
    pub reorder: Rate,
    /// One bit of the answer is changed. An empty answer has none.
    pub corrupt: Rate,
    /// Every answer waits for a time drawn evenly from the spread; one that would overtake an
    /// earlier answer of its flow waits with it.
    pub delay: Option<Spread>,
    /// The effect on the n-th answer of an endpoint depends on this and on n alone.
    pub seed: u64,
}

impl FromStr for Impairment {
    type Err = ParseImpairmentError;

    fn from_str(text: &str) -> Result<Self, ParseImpairmentError> {
        let mut impairment = Self::default();
        for part in text.split(',').map(str::trim) {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| ParseImpairmentError::Malformed(part.to_owned()))?;
            let rate = || value.parse::<Rate>();
            match name {
                "loss" => impairment.loss = rate()?,
                "duplicate" => impairment.duplicate = rate()?,
                "reorder" => impairment.reorder = rate()?,
                "corrupt" => impairment.corrupt = rate()?,
                "delay" => impairment.delay = Some(value.parse()?),
                _ => {
                    return Err(ParseImpairmentError::UnknownKind(name.to_owned()));
                }
            }
        }
        let sum: f64 = impairment
            .rates()
            .map(|(_, rate)| rate.share())
            .iter()
            .sum();
        if sum > 1.0 + 1e-9 {
            return Err(ParseImpairmentError::MoreThanAll);
        }
        Ok(impairment)
    }
}

impl Impairment {
    pub(super) fn rates(&self) -> [(&'static str, Rate); 4] {
        [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("corrupt", self.corrupt),
        ]
    }
}

impl fmt::Display for Impairment {
    /// As it is typed, without the seed; without any effect it is `loss=0%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rates = self.rates().into_iter();
        let mut parts: Vec<String> = rates
            .filter(|(_, rate)| rate.share() > 0.0)
            .map(|(name, rate)| format!("{name}={rate}"))
            .collect();
        parts.extend(self.delay.map(|delay| format!("delay={delay}")));
        if parts.is_empty() {
            parts.push(format!("loss={}", Rate::default()));
        }
        f.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_and_both_signs() {
        let text = "loss=2%,duplicate=1%,reorder=1%,corrupt=0.1%,delay=20ms±5ms";
        let impairment: Impairment = text.parse().unwrap();
        assert_eq!(impairment.to_string(), text);
        assert_eq!(text.replace('±', "+-").parse(), Ok(impairment));
        let nothing: Impairment = "corrupt=0%".parse().unwrap();
        assert_eq!(nothing.to_string().parse(), Ok(nothing));
        assert_eq!(
            "delay=1s".parse::<Impairment>().unwrap().to_string(),
            "delay=1s±0s"
        );
    }

    #[test]
    fn an_impossible_impairment_says_why() {
        for (text, word) in [
            ("", "not an impairment"),
            ("loss", "not an impairment"),
            ("jam=1%", "\"jam\""),
            ("loss=101%", "100%"),
            ("loss=-1%", "100%"),
            ("loss=NaN%", "100%"),
            ("loss=2", "percent"),
            ("loss=60%,corrupt=60%", "together"),
            ("delay=5", "20ms"),
            ("delay=5ms±6ms", "negative"),
            ("delay=500000000000y", "a day"),
        ] {
            let error = text.parse::<Impairment>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
