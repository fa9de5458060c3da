//! Bullhorn: a socket service that answers every text in capitals.

pub mod uppercase;
