//! What `request`, `ping` and `bench` share: one noun a file.

pub(crate) mod candidates;
#[cfg(feature = "probe")]
pub(crate) mod counts;
#[cfg(feature = "probe")]
pub(crate) mod filler;
#[cfg(feature = "probe")]
pub(crate) mod latency;
