//! Events and the summary for people, in the manner of ping(8).

mod event;
mod outage;
mod summary;

pub(crate) use event::{begin_text, event_text};
pub(crate) use summary::{CountsText, summary_text, verdict_text};
