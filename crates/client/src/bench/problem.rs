//! Why a load cannot be put on an endpoint.

use super::rate::MAX_RATE;
use super::settings::MAX_BYTES;
use super::text::MAX_FLOWS;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Error;

/// Settings that do not fit each other or the endpoint.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum SettingsError {
    #[error("a text to {endpoint} has at least {min} bytes, which number it")]
    TooShort { endpoint: Endpoint, min: usize },
    #[error("the number of flows must be from 1 to {MAX_FLOWS}")]
    Flows,
    #[error("a source port is for one flow, and there are {0}")]
    SourcePort(u32),
    #[error("the rate must be from 1e-9 to {MAX_RATE} requests per second, not {0}")]
    Rate(f64),
    #[error("window x size x flows is {0} bytes, more than {MAX_BYTES} (1 GiB)")]
    InFlight(u128),
    #[error("the flows, windows and threads need {0} bytes, more than {MAX_BYTES} (1 GiB)")]
    Memory(u128),
}

impl From<SettingsError> for Error {
    fn from(problem: SettingsError) -> Self {
        let settings: &[&str] = match problem {
            SettingsError::TooShort { .. } => &["size"],
            SettingsError::Flows => &["flows"],
            SettingsError::SourcePort(_) => &["flows", "source"],
            SettingsError::Rate(_) => &["rate"],
            SettingsError::InFlight(_) => &["window", "size", "flows"],
            SettingsError::Memory(_) => &["flows", "window", "size", "threads"],
        };
        Self::invalid_settings(settings, problem.to_string())
    }
}
