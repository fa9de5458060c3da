//! Doors for the fuzz targets: the coalescer and the parser of control messages. Only in builds of
//! cargo-fuzz.

pub use crate::coalesce::Coalescer;
pub use crate::control_message::{CAPACITY, Control, parse};
