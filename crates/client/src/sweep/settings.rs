//! Which sizes are tried, and how.

use std::time::Duration;

use crate::ping::text::TOKEN_LENGTH;
use bullhorn_socket::ConnectOptions;
use bullhorn_socket::endpoint::{Endpoint, Family, FamilyFilter};
use bullhorn_socket::error::{Error, Result};

/// The largest message over a stream by default, in bytes: about what a datagram carries.
const DEFAULT_STREAM_SIZE: usize = 65_536;

/// Which sizes are tried, and how. Start from [`Settings::default`] and set what differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The smallest message in bytes; `None` is the smallest that can be told from others.
    pub from: Option<usize>,
    /// The largest message in bytes; `None` is the largest datagram, over a stream 65,536.
    pub to: Option<usize>,
    /// A message without an answer for this long is lost.
    pub timeout: Duration,
    /// Stop after this long, with what is known by then.
    pub deadline: Option<Duration>,
    /// Which addresses of a name may be used.
    pub family: FamilyFilter,
    /// How packets leave this machine.
    pub connect: ConnectOptions,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            from: None,
            to: None,
            timeout: Duration::from_secs(1),
            deadline: None,
            family: FamilyFilter::All,
            connect: ConnectOptions::default(),
        }
    }
}

impl Settings {
    /// # Errors
    /// [`Error::InvalidSettings`] for a setting that cannot be used; [`Error::UnsuitableEndpoint`]
    /// for a Unix socket.
    pub(super) fn check(&self, endpoint: &Endpoint) -> Result<()> {
        if endpoint.family() == Some(Family::Unix) {
            return Err(Error::UnsuitableEndpoint {
                endpoint: endpoint.clone(),
                problem: "is a Unix socket, which has no path with an MTU; sweep udp:// or tcp://",
            });
        }
        if self.timeout.is_zero() {
            let problem = "the timeout must be above zero";
            return Err(Error::invalid_settings(&["timeout"], problem));
        }
        let (from, to) = (
            self.from.unwrap_or(TOKEN_LENGTH),
            self.to.unwrap_or(usize::MAX),
        );
        if from.min(to) < TOKEN_LENGTH {
            let problem = format!(
                "a probe has at least {TOKEN_LENGTH} bytes, for its number and a random word"
            );
            return Err(Error::invalid_settings(&["from"], problem));
        }
        if from > to {
            let problem = format!("the sizes must ascend, and {from} is above {to}");
            return Err(Error::invalid_settings(&["from"], problem));
        }
        Ok(())
    }

    /// The smallest and the largest message to `address`.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub(super) fn range(&self, address: &Endpoint) -> Result<(usize, usize)> {
        let from = self.from.unwrap_or(TOKEN_LENGTH);
        let max = address.max_datagram().unwrap_or(DEFAULT_STREAM_SIZE);
        let to = self.to.unwrap_or(max.max(from));
        address.check_length(to)?;
        Ok((from, to))
    }
}
