//! What `request`, `ping` and `bench` share.
//!
//! `candidates` are the addresses of a name, `flow` carries texts and answers to one of them,
//! `reply_name` chooses the name that a Unix datagram server answers to, `comparison` compares an
//! answer with the capitals of its text, and `diagnosis` finds what is wrong with it and shows an
//! `excerpt`; it recognises a `proxy_header`. With the feature `probe`: `flow_diagnosis` is why a flow
//! has no answers, `filler` generates texts, `counts`, `latency` and `path_errors` are the figures.

pub(crate) mod candidates;
pub(crate) mod comparison;
#[cfg(feature = "probe")]
pub(crate) mod counts;
pub(crate) mod diagnosis;
pub(crate) mod excerpt;
#[cfg(feature = "probe")]
pub(crate) mod filler;
pub(crate) mod flow;
#[cfg(feature = "probe")]
pub(crate) mod flow_diagnosis;
#[cfg(feature = "probe")]
pub(crate) mod latency;
#[cfg(feature = "probe")]
pub(crate) mod path_errors;
pub(crate) mod proxy_header;
pub(crate) mod reply_name;
