//! The bad network that was asked for.

use std::fmt;
use std::str::FromStr;

use super::spread::{Rate, Spread};

/// What is to befall the answers to datagrams.
///
/// ```
/// use bullhorn_server::Impairment;
///
/// let impairment: Impairment = "loss=2%,duplicate=1%,delay=20ms±5ms".parse()?;
/// assert_eq!(impairment.to_string(), "loss=2%,duplicate=1%,delay=20ms±5ms");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairment {
    /// The answer is not sent.
    pub loss: Rate,
    /// The answer is sent twice, one copy right after the other.
    pub duplicate: Rate,
    /// The answer is held back until the next answer to the same flow has been sent, at most for
    /// [`MAX_HOLD`](super::MAX_HOLD).
    pub reorder: Rate,
    /// One bit of the answer is changed. An empty answer has none.
    pub corrupt: Rate,
    /// Every answer waits for so long, drawn evenly from the spread; one that would overtake an
    /// earlier answer of its flow waits with it.
    pub delay: Option<Spread>,
    /// The fate of the n-th answer of an endpoint depends on this and on n alone.
    pub seed: u64,
}

impl FromStr for Impairment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut impairment = Self::default();
        for part in text.split(',').map(str::trim) {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                format!("{part:?} is no impairment; write them like loss=2%,delay=20ms±5ms")
            })?;
            let rate = || value.parse::<Rate>();
            match name {
                "loss" => impairment.loss = rate()?,
                "duplicate" => impairment.duplicate = rate()?,
                "reorder" => impairment.reorder = rate()?,
                "corrupt" => impairment.corrupt = rate()?,
                "delay" => impairment.delay = Some(value.parse()?),
                _ => {
                    return Err(format!(
                        "{name:?} is no impairment; there are loss, duplicate, reorder, corrupt \
                         and delay"
                    ));
                }
            }
        }
        let sum: f64 = impairment
            .rates()
            .map(|(_, rate)| rate.share())
            .iter()
            .sum();
        if sum > 1.0 + 1e-9 {
            return Err(
                "an answer meets at most one of loss, duplicate, reorder and corrupt, so together \
                 they are at most 100%"
                    .to_owned(),
            );
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
    /// As it is typed, without the seed; a network that does nothing loses nothing.
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
    fn what_cannot_be_says_why() {
        for (text, word) in [
            ("", "no impairment"),
            ("loss", "no impairment"),
            ("jam=1%", "\"jam\""),
            ("loss=101%", "100%"),
            ("loss=-1%", "100%"),
            ("loss=NaN%", "100%"),
            ("loss=2", "percent"),
            ("loss=60%,corrupt=60%", "together"),
            ("delay=5", "20ms"),
            ("delay=5ms±6ms", "less than no time"),
            ("delay=500000000000y", "a day"),
        ] {
            let error = text.parse::<Impairment>().unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
