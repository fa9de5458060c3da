//! Workers, and what they do with each datagram.

mod faults;
mod spin;
#[cfg(target_os = "linux")]
mod steady_path;
