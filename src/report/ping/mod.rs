//! What `ping` prints: a line for each event, a live line on a terminal, and a summary.

mod json;
mod live;
mod text;

pub(crate) use json::{begin_json, event_json, summary_json};
pub(crate) use live::LiveLine;
pub(crate) use text::{begin_text, event_text, summary_text, verdict_text};
