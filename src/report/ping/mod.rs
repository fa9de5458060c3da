//! What `ping` says: a line for each event and a summary, as text or JSON.

mod json;
mod text;

pub(crate) use json::{begin_json, event_json, summary_json};
pub(crate) use text::{CountsText, begin_text, event_text, shown_ns, summary_text};
