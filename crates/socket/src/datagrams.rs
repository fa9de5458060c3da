//! Datagrams in batches: what a worker receives and answers ([`Inbox`], [`Outbox`]), the two ways
//! to do it ([`BatchedBackend`], [`PlainBackend`]), and the client's side ([`Batch`]).

use std::fmt;

pub use crate::batch::{
    Answer, BUFFER_SIZE, DatagramBackend, Failure, Inbox, MAX_BATCH, Outbox, Place, Run,
};
pub use crate::batched::BatchedBackend;
pub use crate::connected::Batch;
pub use crate::control_message::{PacketInfo, Sender};
pub use crate::plain::PlainBackend;
pub use crate::return_path::NotSendersSocket;
pub use crate::segmentation::{MAX_RECEIVED_SEGMENTS, MAX_SEGMENTS, max_run_bytes};

impl fmt::Debug for BatchedBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchedBackend").finish_non_exhaustive()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}
