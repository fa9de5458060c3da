//! Settings that are consistent with each other and with the endpoint.

use super::capacity::Capacity;
use super::problem::SettingsError;
use super::rate::Rate;
use super::settings::Settings;
use super::text::{Form, HEADER_LENGTH, MAX_FLOWS};
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::error::Result;

/// The settings of a run, and what follows from them.
pub(super) struct CheckedSettings {
    /// With a window, and at most as many threads as flows.
    pub(super) settings: Settings,
    pub(super) form: Form,
    pub(super) rate: Option<Rate>,
    pub(super) capacity: Capacity,
}

impl CheckedSettings {
    /// Checks the size before memory for the texts is allocated.
    pub(super) fn new(endpoint: &Endpoint, settings: &Settings) -> Result<Self> {
        let is_stream = endpoint.socket_type() == Some(SocketType::Stream);
        let min = HEADER_LENGTH + usize::from(is_stream);
        if settings.size < min {
            let endpoint = endpoint.clone();
            return Err(SettingsError::TooShort { endpoint, min }.into());
        }
        if !(1..=MAX_FLOWS).contains(&settings.flows) {
            return Err(SettingsError::Flows.into());
        }
        if settings.connect.source_port().is_some() && settings.flows > 1 {
            return Err(SettingsError::SourcePort(settings.flows).into());
        }
        let rate = settings
            .rate
            .map(|rate| Rate::new(rate).ok_or(SettingsError::Rate(rate)))
            .transpose()?;
        let mut settings = settings.clone();
        let window = settings.window;
        let window = window.unwrap_or_else(|| Settings::default_window(endpoint));
        settings.window = Some(window.max(1));
        settings.threads = settings.threads.clamp(1, settings.flows);
        let joins = settings.has_offload || is_stream;
        endpoint.check_length(settings.size)?;
        Capacity::new(&settings, settings.size, settings.size, joins)?;
        let form = Form::new(settings.size, settings.filler.as_deref(), is_stream);
        let (text, answer) = (form.text_length(), form.answer_length());
        endpoint.check_length(text.max(answer))?;
        Ok(Self {
            capacity: Capacity::new(&settings, text, answer, joins)?,
            settings,
            form,
            rate,
        })
    }
}
