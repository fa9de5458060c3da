//! An earlier result to compare with.

use serde_json::Value;

use super::json::{SCHEMA, key};
use bullhorn_client::bench::{Figures, PERCENTILES};

/// Why a file is not a baseline.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BaselineError {
    #[error("its last line is not JSON; write it with bench --json")]
    NotJson(#[source] serde_json::Error),
    #[error("its last line is not a summary of {SCHEMA}; write it with bench --json")]
    NotASummary,
}

/// Reads the figures from the summary, the last line that is not empty.
pub(crate) fn read_figures(text: &str) -> Result<Figures, BaselineError> {
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    let value: Value =
        serde_json::from_str(line.unwrap_or_default()).map_err(BaselineError::NotJson)?;
    if value["schema"] != SCHEMA || value["event"] != "summary" {
        return Err(BaselineError::NotASummary);
    }
    let latency = &value["latency"];
    let mut figures = Figures::default();
    figures.percentiles_ns = PERCENTILES.map(|(name, _)| latency[key(name)].as_u64());
    figures.max_ns = latency["max_ns"].as_u64();
    figures.rate = value["achieved_per_second"].as_f64();
    figures.loss = value["loss_ppm"].as_f64().map(|loss| loss / 1e6);
    Ok(figures)
}
