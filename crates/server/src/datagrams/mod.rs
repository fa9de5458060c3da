//! The datagram service: plain threads, each with its own buffers, on one or more sockets.
//!
//! In reading order: `start` gives each socket its workers, a `worker` receives a batch and sends
//! the answers that an `answerer` makes; `receive_errors` decides what happens when receiving
//! fails, and `kernel_drops` counts what the kernel dropped.

mod answerer;
mod kernel_drops;
mod log;
mod receive_errors;
mod send_errors;
mod start;
#[cfg(test)]
mod tests;
mod worker;

#[cfg(fuzzing)]
pub(super) use answerer::Answerer;
pub(super) use kernel_drops::KernelDrops;
pub(super) use start::{Receiving, start};
