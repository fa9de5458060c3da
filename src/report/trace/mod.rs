//! What `ping --trace` prints.

mod json;
mod text;

pub(crate) use json::trace_json;
pub(crate) use text::trace_text;
