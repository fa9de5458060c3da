//! The options of the guard.

use super::network::Network;
use super::rate_limit::RateLimit;

/// The protection of a server against abuse.
///
/// ```
/// use bullhorn_server::GuardOptions;
///
/// let mut options = GuardOptions::default();
/// options.allow = vec!["192.0.2.0/24".parse()?];
/// options.rate_limit = "100/s".parse()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GuardOptions {
    /// Whether to drop datagrams that may be part of an endless exchange, and those that only a
    /// spoofed source would send. On by default.
    pub loop_guard: bool,
    /// The networks that may send datagrams and connect; empty for all.
    pub allow: Vec<Network>,
    /// The networks that may not; takes precedence over `allow`.
    pub deny: Vec<Network>,
    /// The number of datagrams per second that one source is answered.
    pub rate_limit: RateLimit,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            loop_guard: true,
            allow: Vec::new(),
            deny: Vec::new(),
            rate_limit: RateLimit::default(),
        }
    }
}
