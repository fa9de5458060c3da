//! A threshold is displayed as it was written, and judges any figures: one that was not measured
//! counts as crossed, and the comparison is exact.

#![no_main]

use bullhorn_client::bench::{Figures, Threshold};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    text: &'a str,
    nanoseconds: u64,
    rate: f64,
    loss: f64,
    milliseconds: u32,
}

fuzz_target!(|input: Input| {
    let mut figures = Figures::default();
    figures.percentiles_ns = [Some(input.nanoseconds); 5];
    figures.max_ns = Some(input.nanoseconds);
    figures.rate = Some(input.rate);
    figures.loss = Some(input.loss);
    if let Ok(threshold) = input.text.parse::<Threshold>() {
        assert_eq!(threshold.to_string(), input.text);
        assert_eq!(input.text.parse(), Ok(threshold.clone()));
        threshold.is_crossed(&figures, Some(&figures));
        let nothing = Figures::default();
        assert!(threshold.is_crossed(&nothing, Some(&figures)));
        let without = threshold.is_crossed(&figures, None);
        assert!(without || !threshold.needs_baseline());
        assert_eq!(
            threshold.is_about_loss(),
            input.text.trim_start().starts_with("loss")
        );
    }
    let bound = u64::from(input.milliseconds) * 1_000_000;
    let typed = |sign: &str| format!("p99{sign}{}ms", input.milliseconds).parse::<Threshold>();
    let crossed = [">", "<"].map(|sign| typed(sign).unwrap().is_crossed(&figures, None));
    // Compared as floating-point numbers, which are exact below 2^53.
    let now = input.nanoseconds as f64;
    assert_eq!(crossed, [now > bound as f64, now < bound as f64]);
});
