//! What `ping` says to people: a line for each event and a summary, in the manner of ping(8).

mod event;
mod outage;
mod summary;
mod time;

pub(crate) use event::{begin_text, event_text};
pub(crate) use summary::{CountsText, summary_text};
pub(crate) use time::shown_ns;
