//! Which address of a name is probed.

use std::time::Instant;

use super::flow::{self, Reception, Transmission};
use super::text::ProbeTexts;
use super::{Control, Settings};
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};
use crate::socket::sys::PollSet;

/// The number of the text that tries an address; no probe has it.
const TRIAL: u64 = 0;

/// The first address that answers rightly; when none does, the first. A single one is not tried, so
/// nothing but the probes is sent.
pub(super) fn choose(
    candidates: Vec<Endpoint>,
    settings: &Settings,
    texts: &ProbeTexts,
    control: &Control,
) -> Result<Endpoint> {
    let first = candidates.first().cloned();
    if candidates.len() > 1 {
        for candidate in candidates {
            let answers = answers(&candidate, settings, texts, control)?;
            if answers && !control.is_stopped() {
                return Ok(candidate);
            }
        }
    }
    first.ok_or_else(|| Error::Usage("there is no address to ask".to_owned()))
}

fn answers(
    endpoint: &Endpoint,
    settings: &Settings,
    texts: &ProbeTexts,
    control: &Control,
) -> Result<bool> {
    let mut flow = flow::new(
        endpoint,
        settings.timeout,
        texts.line_ends(),
        texts.expected_length(),
    );
    let mut bytes = Vec::new();
    texts.write(TRIAL, &mut bytes);
    let deadline = Instant::now() + settings.timeout;
    if !matches!(flow.send(&bytes), Transmission::Taken) {
        return Ok(false);
    }
    while !control.is_stopped() {
        match flow.receive(&mut bytes) {
            Reception::Answer if texts.is_right(TRIAL, &bytes) => return Ok(true),
            Reception::Answer => continue,
            Reception::Nothing => {}
            _ => return Ok(false),
        }
        let patience = deadline.saturating_duration_since(Instant::now());
        if patience.is_zero() {
            break;
        }
        let mut poll = PollSet::default();
        if let Some((descriptor, waits_to_write)) = flow.interest() {
            poll.add(descriptor, true, waits_to_write);
        }
        poll.add(control.as_fd(), true, false);
        poll.wait(Some(patience))
            .map_err(|source| Error::socket(Operation::Receive, endpoint, source))?;
    }
    Ok(false)
}
