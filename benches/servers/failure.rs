//! The error of this program: a line for a person to read.

pub(crate) type Failure = Box<dyn std::error::Error>;
