//! The options of the guard.

use ipnet::IpNet;

use super::rate_limit::RateLimit;

/// What is done against abuse.
#[derive(Clone, Debug)]
pub struct GuardOptions {
    /// Whether datagrams are dropped that may be part of an endless exchange, and those that only a
    /// spoofed source sends; see [`guard`](super::guard).
    pub loop_guard: bool,
    /// The networks that may send datagrams and connect; empty for everybody.
    pub allow: Vec<IpNet>,
    /// The networks that may not, though they be allowed.
    pub deny: Vec<IpNet>,
    /// How many datagrams a second one source is answered.
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
