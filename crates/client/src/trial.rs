//! The choice of an address by a run that cannot change it later: the first one that answers a trial.

use std::time::{Duration, Instant};

use crate::ask::candidates::Candidates;
use crate::request::{Client, Settings};
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Result};
use bullhorn_socket::{ConnectOptions, Stop};

/// A text for each address, and how long it waits for the answer.
pub(crate) struct Trial<'a> {
    text: &'a [u8],
    settings: Settings,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(text: &'a [u8], options: &ConnectOptions, timeout: Duration) -> Self {
        let settings = Settings {
            timeout,
            retries: 0,
            // A chosen source port must be free for the run.
            connect: options.clone().with_any_port(),
            ..Settings::default()
        };
        Self { text, settings }
    }

    /// The first address with a right answer before `deadline`; when none has one, the first. A
    /// single address is not tried.
    pub(crate) fn choose(
        &self,
        candidates: &Candidates,
        deadline: Option<Instant>,
        stop: &Stop,
    ) -> Result<Endpoint> {
        let addresses = candidates.as_slice();
        let mut chosen = None;
        if addresses.len() > 1 {
            let mut addresses = addresses.iter();
            chosen = addresses.find(|address| self.is_answered(address, deadline, stop));
        }
        let chosen = chosen.or(addresses.first());
        chosen.cloned().ok_or(Error::NoAddress)
    }

    fn is_answered(&self, address: &Endpoint, deadline: Option<Instant>, stop: &Stop) -> bool {
        let mut settings = self.settings.clone();
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            settings.timeout = settings.timeout.min(left);
        }
        !stop.is_stopped()
            && Client::with_stop(address, settings, stop.clone())
                .and_then(|mut client| client.request(self.text))
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bullhorn_server::Server;

    #[test]
    fn the_first_address_that_answers_is_chosen_else_the_first() {
        for scheme in ["udp", "tcp"] {
            let local = format!("{scheme}://127.0.0.1:0");
            let server = Server::builder().endpoint(local).start().unwrap();
            let served = server.endpoints().remove(0);
            // The discard port on an unused loopback address.
            let closed: Endpoint = format!("{scheme}://127.99.98.97:9").parse().unwrap();
            let chosen = |addresses| {
                let candidates = Candidates::new(addresses);
                let timeout = Duration::from_secs(20);
                let trial = Trial::new(b"text", &ConnectOptions::default(), timeout);
                trial.choose(&candidates, None, &Stop::never()).unwrap()
            };
            assert_eq!(chosen(vec![closed.clone(), served.clone()]), served);
            assert_eq!(chosen(vec![closed.clone(), closed.clone()]), closed);
        }
    }
}
