//! What `ping --sweep` prints: a line for each size, and a summary with the verdict.

mod json;
mod text;
mod verdict;

pub(crate) use json::{event_json, summary_json};
pub(crate) use text::{event_text, summary_text};
