//! `bullhorn bench`: load on an endpoint, until the time is up or Ctrl-C ends it.

use super::arguments::Bench;
use super::{Outcome, log};
use crate::bench::{self, Observer, Progress, Wish};

pub(super) fn run(arguments: &Bench) -> Outcome {
    log::start(&arguments.speech);
    struct O;
    impl Observer for O {
        fn tick(&mut self, _: &Progress) -> Wish {
            Wish::GoOn
        }
    }
    let m = bench::run(&arguments.endpoint, &arguments.settings(None), &mut O)?;
    println!(
        "{:?} {} {:?} p50 {} p99 {} max {} idle {:.3} rate {:.3} M cpu {:?}",
        m.record.counts,
        m.has_offload,
        m.elapsed,
        m.record.latency.value_at_quantile(0.5),
        m.record.latency.value_at_quantile(0.99),
        m.record.latency.max(),
        m.idle_share,
        m.record.counts.ok as f64 / m.elapsed.as_secs_f64() / 1e6,
        m.cpu
    );
    Ok(0)
}
