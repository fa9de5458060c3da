//! Load: many requests over many flows, every reply matched with its request and compared byte for
//! byte.
//!
//! In reading order: `text` makes the requests and their expected replies, `ledger` accounts for
//! one flow, `record` keeps what was observed, `schedule` decides when a request is due, and
//! `worker` is the loop of one thread over a `transport`: `datagram` or `stream`. `run` connects the
//! flows, starts the workers and watches them through what is `shared`; `plan` divides the load
//! among them and `capacity` bounds its memory. `result` is the outcome, and `threshold` judges it.
//!
//! Plain blocking threads: a load generator must not measure its own runtime.

mod capacity;
mod datagram;
#[cfg(fuzzing)]
pub mod fuzzing;
mod ledger;
mod plan;
mod record;
mod result;
mod run;
mod schedule;
mod settings;
mod shared;
mod stream;
mod text;
mod threshold;
mod transport;
mod worker;

pub use record::{Counts, Record, TIMELINE_STEP};
pub use result::RunResult;
pub use run::{Control, Observer, Progress, run};
pub use settings::Settings;
pub use threshold::{Figures, QUANTILES, Threshold};
