//! Chooses which address of a name to probe.

use std::time::Instant;

use super::control::Control;
use super::flow::{self, AnswerBuffer, Reception, Transmission};
use super::settings::Settings;
use super::text::ProbeTexts;
use crate::ask::candidates::Candidates;
use bullhorn_socket::PollSet;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result};

/// The number of the text that tries an address; no probe has it.
const TRIAL: u64 = 0;

/// The first address with a right answer; when none has one, the first. A single address is not
/// tried, so only the probes are sent.
pub(super) fn choose(
    candidates: &Candidates,
    settings: &Settings,
    texts: &ProbeTexts,
    control: &Control,
    deadline: Option<Instant>,
) -> Result<Endpoint> {
    let candidates = candidates.as_slice();
    if candidates.len() > 1 {
        for candidate in candidates {
            let answers = answers(candidate, settings, texts, control, deadline)?;
            if answers && !control.is_stopped() {
                return Ok(candidate.clone());
            }
        }
    }
    let first = candidates.first().cloned();
    first.ok_or(Error::NoAddress)
}

fn answers(
    endpoint: &Endpoint,
    settings: &Settings,
    texts: &ProbeTexts,
    control: &Control,
    end: Option<Instant>,
) -> Result<bool> {
    let mut flow = flow::new(endpoint, &settings.connect, settings.timeout);
    let mut text = Vec::new();
    texts.write(TRIAL, &mut text);
    let mut answer = AnswerBuffer::default();
    let deadline = Instant::now() + settings.timeout;
    let deadline = end.map_or(deadline, |end| end.min(deadline));
    if !matches!(flow.send(&text), Transmission::Taken) {
        return Ok(false);
    }
    while !control.is_stopped() {
        let reception = flow.receive(texts, &mut answer);
        let remaining = deadline.saturating_duration_since(Instant::now());
        match reception {
            Reception::Answer if texts.is_right(TRIAL, answer.as_slice()) => return Ok(true),
            Reception::Answer | Reception::Nothing if remaining.is_zero() => break,
            Reception::Answer => continue,
            Reception::Nothing => {}
            _ => return Ok(false),
        }
        let mut poll = PollSet::default();
        if let Some((descriptor, to_write)) = flow.interest() {
            poll.add(descriptor, true, to_write);
        }
        poll.add_stop(control.stopped_by());
        poll.wait(Some(remaining))
            .map_err(|source| Error::socket(Operation::Receive, endpoint, source))?;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use bullhorn_server::Server;

    #[test]
    fn the_first_address_that_answers_is_chosen_else_the_first() {
        let settings = Settings {
            timeout: Duration::from_secs(20),
            ..Settings::default()
        };
        let texts = ProbeTexts::new(1, settings.size, None);
        let control = Control::new().unwrap();
        for scheme in ["udp", "tcp"] {
            let local = format!("{scheme}://127.0.0.1:0");
            let server = Server::builder().endpoint(local).start().unwrap();
            let served = server.endpoints().remove(0);
            // The discard port on an unused loopback address.
            let closed: Endpoint = format!("{scheme}://127.99.98.97:9").parse().unwrap();
            let chosen = |candidates| {
                choose(
                    &Candidates::new(candidates),
                    &settings,
                    &texts,
                    &control,
                    None,
                )
                .unwrap()
            };
            assert_eq!(chosen(vec![closed.clone(), served.clone()]), served);
            assert_eq!(chosen(vec![closed.clone(), closed.clone()]), closed);
        }
    }
}
