//! What `bench` prints: its progress and its result; and the baseline that it reads.

mod baseline;
mod bins;
mod chart;
mod html;
mod json;
mod text;

pub(crate) use baseline::read_figures;
pub(crate) use html::page;
pub(crate) use json::summary_json;
pub(crate) use text::{crossed, progress, text};
