//! What `request`, `ping` and `bench` share: one noun a file.

pub(crate) mod candidates;
pub(crate) mod comparison;
#[cfg(feature = "probe")]
pub(crate) mod counts;
pub(crate) mod diagnosis;
#[cfg(feature = "probe")]
pub(crate) mod filler;
pub(crate) mod flow;
#[cfg(feature = "probe")]
pub(crate) mod latency;
