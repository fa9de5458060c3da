//! What `serve` prints: a line when each socket is ready, the most recent peers, and the totals at the
//! end.

mod drops;
mod json;
mod metrics_url;
mod peers;
mod text;

pub(crate) use json::{metrics_json, ready_json, totals_json};
pub(crate) use peers::{peers_json, peers_text};
pub(crate) use text::{metrics_text, rate_limit_text, ready_text, sandbox_text, totals_text};
