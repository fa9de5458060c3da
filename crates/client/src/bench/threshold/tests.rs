//! Thresholds: their texts and their judgement.

use super::*;

fn figures(p99_ns: u64, rate: f64, loss: f64) -> Figures {
    Figures {
        samples: 10_000,
        percentiles_ns: [Some(p99_ns); 5],
        max_ns: Some(p99_ns),
        rate: Some(rate),
        loss: Some(loss),
    }
}

#[test]
fn thresholds_are_exceeded_on_their_side_only() {
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
fn a_crossing_has_the_actual_value_and_the_limit_in_the_unit_of_the_figure() {
    let then = figures(1_000_000, 1000.0, 0.25);
    let crossing = |text: &str, now: &Figures| {
        let threshold: Threshold = text.parse().unwrap();
        let crossing = threshold.crossing(now, Some(&then)).unwrap();
        (crossing.figure, crossing.actual, crossing.limit)
    };
    use Quantity::{Nanoseconds, PerSecond, Share};
    let now = figures(3_000_000, 400.0, 0.75);
    let (p99, rate, loss) = (Nanoseconds(3e6), PerSecond(400.0), Share(0.75));
    for (text, figure, actual, limit) in [
        ("p99>2ms", "p99", p99, Nanoseconds(2e6)),
        ("max>+50%", "max", p99, Nanoseconds(1.5e6)),
        ("rate<-50%", "rate", rate, PerSecond(500.0)),
        ("loss>+25%", "loss", loss, Share(0.5)),
    ] {
        assert_eq!(crossing(text, &now), (figure, Some(actual), Some(limit)));
    }
    let unknown = crossing("p99>2ms", &Figures::default());
    assert_eq!(unknown, ("p99", None, Some(Nanoseconds(2e6))));
}

#[test]
fn a_percentile_of_too_few_latencies_is_crossed_and_says_how_many_it_needs() {
    let figures = Figures {
        samples: 999,
        ..Figures::default()
    };
    let too_few = |text: &str| {
        let threshold: Threshold = text.parse().unwrap();
        threshold.crossing(&figures, None).unwrap().too_few
    };
    let needs = TooFewSamples {
        has: 999,
        needs: 1000,
    };
    assert_eq!(too_few("p99.9>1h"), Some(needs));
    assert_eq!(too_few("p99>1h"), None);
    assert_eq!(too_few("max>1h"), None);
}

#[test]
fn an_unmeasured_figure_exceeds_its_threshold() {
    let threshold: Threshold = "p99>+10%".parse().unwrap();
    assert!(threshold.needs_baseline());
    assert!(threshold.is_crossed(&figures(1, 1.0, 0.0), None));
    assert!(threshold.is_crossed(&Figures::default(), Some(&figures(1, 1.0, 0.0))));
}

#[test]
fn a_malformed_threshold_is_an_error() {
    for text in [
        "p99", "p98>1ms", "p99>10%", "p99>+1ms", "loss>3", "rate<x", "rate<NaN", "",
    ] {
        assert!(text.parse::<Threshold>().is_err(), "{text}");
    }
}
