//! Load: many requests over many flows, every reply matched with its request and compared byte for
//! byte.
//!
//! In reading order: `text` makes the requests and their expected replies, `ledger` accounts for
//! one flow in the `books` of its worker, `record` keeps what was measured, `schedule` decides when a
//! request is due, and `worker` is the loop of one thread over a `transport`: `datagram` or
//! `stream`. `run` starts the `threads` over the sockets from `connecting` and watches them through
//! what is `shared`; `plan` divides the load among them and `capacity` bounds its memory. `result`
//! is the outcome, and `threshold` judges its `figures`.
//!
//! Plain blocking threads: a load generator must not measure its own runtime.

mod books;
mod capacity;
mod checked;
mod clock;
mod connecting;
mod datagram;
mod figures;
#[cfg(fuzzing)]
pub mod fuzzing;
mod ledger;
mod lost;
mod observer;
mod plan;
mod problem;
mod rate;
mod record;
mod result;
mod run;
mod schedule;
mod send_times;
mod settings;
mod shared;
mod stream;
mod text;
mod threads;
mod threshold;
mod transport;
mod worker;

pub use crate::ask::counts::Counts;
pub use crate::ask::diagnosis::{Diagnosis, Problem};
pub use crate::ask::excerpt::AnswerExcerpt;
pub use crate::ask::latency::Latency;
pub use crate::ask::path_errors::PathErrorCount;
pub use connecting::Connecting;
pub use figures::{Figures, PERCENTILES};
pub use observer::{Control, Observer, Progress};
pub use record::{Record, TIMELINE_STEP};
pub use result::RunResult;
pub use run::run;
pub use settings::Settings;
pub use threshold::{Crossing, ParseThresholdError, Quantity, Threshold, TooFewSamples};
