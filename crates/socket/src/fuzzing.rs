//! Doors for the fuzz targets: the coalescer and the parsers of control messages. Only in builds of
//! cargo-fuzz.

pub use crate::coalesce::Coalescer;
pub use crate::control_message::{CAPACITY, Control, parse};
pub use crate::extended_error::{ExtendedError, parse as parse_extended_error};
