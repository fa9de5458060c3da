//! Thresholds: `p99>2ms`, `p99>+10%` against an earlier result, `rate<-5%`, `loss>0.1%`.

use std::fmt;
use std::str::FromStr;

use super::result::RunResult;

/// The figures of a result that can be judged; what was not measured is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// The latencies of [`QUANTILES`] in nanoseconds.
    pub quantiles_ns: [Option<u64>; QUANTILES.len()],
    /// The longest latency in nanoseconds.
    pub max_ns: Option<u64>,
    /// Right answers a second.
    pub rate: Option<f64>,
    /// Lost requests as a part of those sent, 0 to 1.
    pub loss: Option<f64>,
}

/// The quantiles that are shown, and their names.
pub const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

impl Figures {
    /// The figures of a run.
    pub fn of(measured: &RunResult) -> Self {
        let latency = &measured.record.latency;
        let has_latency = !latency.is_empty();
        Self {
            quantiles_ns: QUANTILES
                .map(|(_, quantile)| has_latency.then(|| latency.value_at_quantile(quantile))),
            max_ns: has_latency.then(|| latency.max()),
            rate: Some(measured.achieved_rate()),
            loss: measured.loss(),
        }
    }

    fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Quantile(index) => self.quantiles_ns[index].map(|ns| ns as f64),
            Metric::Max => self.max_ns.map(|ns| ns as f64),
            Metric::Rate => self.rate,
            Metric::Loss => self.loss,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    /// By its place in [`QUANTILES`].
    Quantile(usize),
    Max,
    Rate,
    Loss,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// Nanoseconds, answers a second, or a part of 1.
    Absolute(f64),
    /// So much more than the earlier result, as a part of it; a loss as a part of 1 more.
    Relative(f64),
}

/// What must not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    metric: Metric,
    /// It is crossed above the bound, not below.
    is_upper: bool,
    bound: Bound,
    written: String,
}

impl Threshold {
    /// Whether it speaks of an earlier result.
    pub fn needs_baseline(&self) -> bool {
        matches!(self.bound, Bound::Relative(_))
    }

    /// Whether it is about lost requests.
    pub fn is_about_loss(&self) -> bool {
        self.metric == Metric::Loss
    }

    /// Whether `figures` cross it. What was not measured, now or then, counts as crossed: it cannot
    /// be shown to be well.
    pub fn is_crossed(&self, figures: &Figures, baseline: Option<&Figures>) -> bool {
        let bound =
            match self.bound {
                Bound::Absolute(bound) => Some(bound),
                Bound::Relative(more) => baseline
                    .and_then(|baseline| baseline.get(self.metric))
                    .map(|earlier| match self.metric {
                        Metric::Loss => earlier + more,
                        _ => earlier * (1.0 + more),
                    }),
            };
        match (figures.get(self.metric), bound) {
            (Some(now), Some(bound)) if self.is_upper => now > bound,
            (Some(now), Some(bound)) => now < bound,
            _ => true,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write it like p99>+10%, p99.9>2ms, rate<-5% or loss>0.1%";
        let at = text
            .find(['<', '>'])
            .ok_or_else(|| format!("it has no < or >; {example}"))?;
        let (name, bound) = (text[..at].trim(), text[at + 1..].trim());
        let metric = match name {
            "max" => Metric::Max,
            "rate" => Metric::Rate,
            "loss" => Metric::Loss,
            _ => QUANTILES
                .iter()
                .position(|(known, _)| *known == name)
                .map(Metric::Quantile)
                .ok_or_else(|| {
                    format!("{name:?} is none of p50, p90, p99, p99.9, p99.99, max, rate and loss")
                })?,
        };
        let bound = parse_bound(metric, bound)
            .ok_or_else(|| format!("{bound:?} is no bound for {name}; {example}"))?;
        Ok(Self {
            metric,
            is_upper: text[at..].starts_with('>'),
            bound,
            written: text.to_owned(),
        })
    }
}

fn parse_bound(metric: Metric, text: &str) -> Option<Bound> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let is_relative = text.starts_with(['+', '-']);
    if let Some(percent) = text.strip_suffix('%') {
        let part = number(percent)? / 100.0;
        return match (is_relative, metric) {
            (true, _) => Some(Bound::Relative(part)),
            (false, Metric::Loss) => Some(Bound::Absolute(part)),
            (false, _) => None,
        };
    }
    match metric {
        _ if is_relative => None,
        Metric::Loss => None,
        Metric::Rate => number(text).map(Bound::Absolute),
        Metric::Quantile(_) | Metric::Max => humantime::parse_duration(text)
            .ok()
            .map(|bound| Bound::Absolute(bound.as_nanos() as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(p99_ns: u64, rate: f64, loss: f64) -> Figures {
        Figures {
            quantiles_ns: [Some(p99_ns); 5],
            max_ns: Some(p99_ns),
            rate: Some(rate),
            loss: Some(loss),
        }
    }

    #[test]
    fn bounds_are_crossed_on_their_own_side_alone() {
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
    fn what_was_not_measured_is_crossed() {
        let threshold: Threshold = "p99>+10%".parse().unwrap();
        assert!(threshold.needs_baseline());
        assert!(threshold.is_crossed(&figures(1, 1.0, 0.0), None));
        assert!(threshold.is_crossed(&Figures::default(), Some(&figures(1, 1.0, 0.0))));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for text in [
            "p99", "p98>1ms", "p99>10%", "p99>+1ms", "loss>3", "rate<x", "rate<NaN", "",
        ] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
    }
}
