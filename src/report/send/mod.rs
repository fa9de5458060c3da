//! What `send` prints: each answer, and at the end the counts.

mod counts;
mod json;
mod text;

pub(crate) use counts::Counts;
pub(crate) use json::{outcome_json, summary_json};
pub(crate) use text::{answer_raw, answer_visible, failure_text};
