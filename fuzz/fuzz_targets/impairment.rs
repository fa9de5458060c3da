//! An impairment that parses is displayed as text that parses to the same, has rates of at most 100
//! % in all, and causes delays within its spread.

#![no_main]

use std::time::{Duration, Instant};

use bullhorn_server::Impairment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(impairment) = text.parse::<Impairment>() else {
        return;
    };
    assert_eq!(impairment.to_string().parse(), Ok(impairment));
    let rates = [
        impairment.loss,
        impairment.duplicate,
        impairment.reorder,
        impairment.corrupt,
    ];
    assert!(rates.iter().all(|rate| (0.0..=1.0).contains(&rate.share())));
    assert!(rates.iter().map(|rate| rate.share()).sum::<f64>() < 1.001);
    if let Some(delay) = impairment.delay {
        let (least, middle, most) = (delay.at(0.0), delay.at(0.5), delay.at(1.0));
        assert!(least <= middle && middle <= most);
        assert!(most - middle <= middle - least + Duration::from_nanos(1));
        // The delay of an answer.
        assert!(Instant::now().checked_add(most).is_some());
    }
});
