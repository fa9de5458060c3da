//! What `ping` says to people: a line for each event and a summary, in the manner of ping(8).

mod event;
mod outage;
mod summary;
mod time;

pub use event::{begin_text, event_text};
pub use summary::{CountsText, summary_text};
pub use time::shown_ns;
