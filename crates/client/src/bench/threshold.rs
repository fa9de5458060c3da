//! Thresholds: `p99>2ms`, `p99>+10%` against an earlier result, `rate<-5%`, `loss>0.1%`.

use std::fmt;
use std::str::FromStr;

use super::figures::{Figures, PERCENTILES};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    /// By its index in [`PERCENTILES`].
    Percentile(usize),
    Max,
    Rate,
    Loss,
}

impl Metric {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "max" => Some(Self::Max),
            "rate" => Some(Self::Rate),
            "loss" => Some(Self::Loss),
            _ => PERCENTILES
                .iter()
                .position(|(known, _)| *known == name)
                .map(Self::Percentile),
        }
    }

    fn of(self, figures: &Figures) -> Option<f64> {
        match self {
            Self::Percentile(index) => figures.percentiles_ns[index].map(|ns| ns as f64),
            Self::Max => figures.max_ns.map(|ns| ns as f64),
            Self::Rate => figures.rate,
            Self::Loss => figures.loss,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// Nanoseconds, replies per second, or a share from 0 to 1.
    Absolute(f64),
    /// The difference from an earlier result, as a share of it; for a loss, in shares of 1.
    Relative(f64),
}

/// A condition under which a result fails, such as `p99>2ms`.
///
/// ```
/// use bullhorn_client::bench::{Figures, Threshold};
///
/// let threshold: Threshold = "p99>2ms".parse()?;
/// let mut figures = Figures::default();
/// figures.percentiles_ns[2] = Some(2_000_001);
/// assert!(threshold.is_crossed(&figures, None));
/// # Ok::<(), bullhorn_client::bench::ParseThresholdError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    metric: Metric,
    /// It is crossed above the bound, not below.
    is_upper: bool,
    bound: Bound,
    text: String,
}

impl Threshold {
    /// Whether it compares with an earlier result.
    pub fn needs_baseline(&self) -> bool {
        matches!(self.bound, Bound::Relative(_))
    }

    /// Whether it limits the share of lost requests.
    pub fn is_about_loss(&self) -> bool {
        self.metric == Metric::Loss
    }

    /// Whether `figures` cross it. Anything that was not measured, now or then, counts as crossed:
    /// it cannot be shown to be good.
    pub fn is_crossed(&self, figures: &Figures, baseline: Option<&Figures>) -> bool {
        let earlier = baseline.and_then(|baseline| self.metric.of(baseline));
        let bound = match self.bound {
            Bound::Absolute(bound) => Some(bound),
            Bound::Relative(more) if self.is_about_loss() => earlier.map(|earlier| earlier + more),
            Bound::Relative(more) => earlier.map(|earlier| earlier * (1.0 + more)),
        };
        match (self.metric.of(figures), bound) {
            (Some(now), Some(bound)) if self.is_upper => now > bound,
            (Some(now), Some(bound)) => now < bound,
            _ => true,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text that is not a threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseThresholdError {
    /// There is no `<` or `>` in it.
    #[error("it has no < or >; {EXAMPLES}")]
    NoComparison,
    /// The figure on the left, which does not exist.
    #[error("{0:?} is none of p50, p90, p99, p99.9, p99.99, max, rate and loss")]
    UnknownFigure(String),
    /// The figure on the left, and the bound on the right, which does not fit it.
    #[error("{bound:?} is not a bound for {figure}; {EXAMPLES}")]
    InvalidBound {
        /// `p99`, for example.
        figure: String,
        /// As it was written.
        bound: String,
    },
}

const EXAMPLES: &str = "write it like p99>+10%, p99.9>2ms, rate<-5% or loss>0.1%";

impl FromStr for Threshold {
    type Err = ParseThresholdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let comparison = text.find(['<', '>']);
        let at = comparison.ok_or(ParseThresholdError::NoComparison)?;
        let (figure, bound) = (text[..at].trim(), text[at + 1..].trim());
        let metric = Metric::parse(figure)
            .ok_or_else(|| ParseThresholdError::UnknownFigure(figure.to_owned()))?;
        let parsed = parse_bound(metric, bound);
        Ok(Self {
            metric,
            is_upper: text[at..].starts_with('>'),
            bound: parsed.ok_or_else(|| ParseThresholdError::InvalidBound {
                figure: figure.to_owned(),
                bound: bound.to_owned(),
            })?,
            text: text.to_owned(),
        })
    }
}

fn parse_bound(metric: Metric, text: &str) -> Option<Bound> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let is_relative = text.starts_with(['+', '-']);
    if let Some(percent) = text.strip_suffix('%') {
        let share = number(percent)? / 100.0;
        return match (is_relative, metric) {
            (true, _) => Some(Bound::Relative(share)),
            (false, Metric::Loss) => Some(Bound::Absolute(share)),
            (false, _) => None,
        };
    }
    match metric {
        _ if is_relative => None,
        Metric::Loss => None,
        Metric::Rate => number(text).map(Bound::Absolute),
        Metric::Percentile(_) | Metric::Max => humantime::parse_duration(text)
            .ok()
            .map(|bound| Bound::Absolute(bound.as_nanos() as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(p99_ns: u64, rate: f64, loss: f64) -> Figures {
        Figures {
            percentiles_ns: [Some(p99_ns); 5],
            max_ns: Some(p99_ns),
            rate: Some(rate),
            loss: Some(loss),
        }
    }

    #[test]
    fn bounds_are_crossed_on_their_side_only() {
        let then = figures(1_000_000, 1000.0, 0.01);
        for (text, now, crossed) in [
            ("p99>+10%", figures(1_100_000, 0.0, 0.0), false),
            ("p99>+10%", figures(1_100_001, 0.0, 0.0), true),
            ("p99.9>2ms", figures(2_000_001, 0.0, 0.0), true),
            ("max>2ms", figures(2_000_000, 0.0, 0.0), false),
            ("rate<-5%", figures(0, 949.0, 0.0), true),
            ("rate < 950", figures(0, 950.0, 0.0), false),
            ("loss>+1%", figures(0, 0.0, 0.0199), false),
            ("loss>+1%", figures(0, 0.0, 0.021), true),
            ("loss>0%", figures(0, 0.0, 0.0), false),
        ] {
            let threshold: Threshold = text.parse().unwrap();
            assert_eq!(threshold.is_crossed(&now, Some(&then)), crossed, "{text}");
        }
    }

    #[test]
    fn a_figure_that_was_not_measured_is_crossed() {
        let threshold: Threshold = "p99>+10%".parse().unwrap();
        assert!(threshold.needs_baseline());
        assert!(threshold.is_crossed(&figures(1, 1.0, 0.0), None));
        assert!(threshold.is_crossed(&Figures::default(), Some(&figures(1, 1.0, 0.0))));
    }

    #[test]
    fn a_text_without_meaning_is_an_error() {
        for text in [
            "p99", "p98>1ms", "p99>10%", "p99>+1ms", "loss>3", "rate<x", "rate<NaN", "",
        ] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
    }
}
