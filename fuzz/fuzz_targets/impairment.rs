//! What parses as a bad network is displayed as something that parses to the same, promises no more
//! than all answers, and makes delays that lie within their spread.

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
        // An answer is sent so much later than now.
        assert!(Instant::now().checked_add(most).is_some());
    }
});
