//! How a path is traced.

use std::time::Duration;

use crate::ping::text::check_texts;
use bullhorn_socket::ConnectOptions;
use bullhorn_socket::endpoint::FamilyFilter;
use bullhorn_socket::error::{Error, Result};

/// How a path is traced. Start from [`Settings::default`] and set what differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The highest TTL, and so the longest path that is found.
    pub max_hops: u8,
    /// How many probes each hop gets, one a round.
    pub rounds: u64,
    /// From one round to the next.
    pub interval: Duration,
    /// Stop after this long.
    pub deadline: Option<Duration>,
    /// A probe for which nothing comes back after this long is lost.
    pub timeout: Duration,
    /// The length of each text in bytes, at least that of its token.
    pub size: usize,
    /// What the texts are filled with up to their size; `None` is the alphabet.
    pub filler: Option<Vec<u8>>,
    /// Which addresses of a name may be used.
    pub family: FamilyFilter,
    /// How packets leave this machine. Its TTL is not used.
    pub connect: ConnectOptions,
    /// Whether to ask the resolver for the names of the hops.
    pub names: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_hops: 30,
            rounds: 1,
            interval: Duration::from_secs(1),
            deadline: None,
            timeout: Duration::from_secs(1),
            size: 64,
            filler: None,
            family: FamilyFilter::All,
            connect: ConnectOptions::default(),
            names: false,
        }
    }
}

impl Settings {
    /// # Errors
    /// [`Error::InvalidSettings`] for a setting that cannot be used.
    pub(super) fn check(&self) -> Result<()> {
        let (settings, problem): (&[_], _) = if self.max_hops == 0 || self.rounds == 0 {
            let problem = "the numbers of hops and rounds must be above zero";
            (&["max_hops", "rounds"], problem.to_owned())
        } else if self.timeout.is_zero() {
            (&["timeout"], "the timeout must be above zero".to_owned())
        } else {
            return check_texts(self.size, self.filler.as_deref());
        };
        Err(Error::invalid_settings(settings, problem))
    }
}
