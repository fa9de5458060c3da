//! Thresholds: `p99>2ms`, `p99>+10%` against an earlier result, `rate<-5%`, `loss>0.1%`.

use std::fmt;
use std::str::FromStr;

use super::figures::{Figures, PERCENTILES};
use crate::ask::latency::Latency;

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

    fn name(self) -> &'static str {
        match self {
            Self::Percentile(index) => PERCENTILES[index].0,
            Self::Max => "max",
            Self::Rate => "rate",
            Self::Loss => "loss",
        }
    }

    fn quantity(self, value: f64) -> Quantity {
        match self {
            Self::Percentile(_) | Self::Max => Quantity::Nanoseconds(value),
            Self::Rate => Quantity::PerSecond(value),
            Self::Loss => Quantity::Share(value),
        }
    }

    fn too_few(self, figures: &Figures) -> Option<TooFewSamples> {
        let Self::Percentile(index) = self else {
            return None;
        };
        let (has, needs) = (figures.samples, Latency::samples_for(PERCENTILES[index].1));
        (has < needs).then_some(TooFewSamples { has, needs })
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

/// A figure and the limit that it crosses.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Crossing {
    /// `p99`, for example.
    pub figure: &'static str,
    /// What the result has; `None` if it was not measured.
    pub actual: Option<Quantity>,
    /// What was allowed; `None` if the baseline lacks it.
    pub limit: Option<Quantity>,
    /// The result has too few latencies for this percentile.
    pub too_few: Option<TooFewSamples>,
}

/// Too few latencies for a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it")]
pub struct TooFewSamples {
    pub has: u64,
    pub needs: u64,
}

/// A figure with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Quantity {
    /// A latency.
    Nanoseconds(f64),
    /// Replies per second.
    PerSecond(f64),
    /// A share from 0 to 1.
    Share(f64),
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
        self.crossing(figures, baseline).is_some()
    }

    /// How `figures` cross it, if they do.
    pub fn crossing(&self, figures: &Figures, baseline: Option<&Figures>) -> Option<Crossing> {
        let actual = self.metric.of(figures);
        let earlier = baseline.and_then(|baseline| self.metric.of(baseline));
        let limit = match self.bound {
            Bound::Absolute(limit) => Some(limit),
            Bound::Relative(more) if self.is_about_loss() => earlier.map(|earlier| earlier + more),
            Bound::Relative(more) => earlier.map(|earlier| earlier * (1.0 + more)),
        };
        let is_met = actual.zip(limit).is_some_and(|(actual, limit)| {
            if self.is_upper {
                actual <= limit
            } else {
                actual >= limit
            }
        });
        (!is_met).then(|| Crossing {
            figure: self.metric.name(),
            actual: actual.map(|value| self.metric.quantity(value)),
            limit: limit.map(|value| self.metric.quantity(value)),
            too_few: self.metric.too_few(figures),
        })
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
mod tests;
