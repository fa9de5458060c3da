//! The last received answer.

use std::time::Duration;

use crate::ask::flow::{DatagramFlow, Failure};

/// A buffer that fits any answer.
#[derive(Debug, Default)]
pub(in crate::ping) struct AnswerBuffer {
    bytes: Vec<u8>,
    length: usize,
    /// Whose connection it came over, if each probe has one.
    connection: Option<ProbeConnection>,
}

/// The connection of one probe.
#[derive(Clone, Copy, Debug)]
pub(in crate::ping) struct ProbeConnection {
    /// The number of the probe.
    pub(in crate::ping) number: u64,
    /// From its beginning until it was made.
    pub(in crate::ping) connect_time: Duration,
}

impl AnswerBuffer {
    /// The answer.
    pub(in crate::ping) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Whose connection it came over; `None` where probes share one.
    pub(in crate::ping) fn connection(&self) -> Option<ProbeConnection> {
        self.connection
    }

    pub(super) fn set_connection(&mut self, connection: ProbeConnection) {
        self.connection = Some(connection);
    }

    pub(super) fn copy_from(&mut self, answer: &[u8]) {
        if self.bytes.len() < answer.len() {
            self.bytes.resize(answer.len(), 0);
        }
        self.bytes[..answer.len()].copy_from_slice(answer);
        self.length = answer.len();
    }

    /// Receives a datagram. Returns whether there was one.
    pub(super) fn receive(&mut self, flow: &DatagramFlow) -> Result<bool, Failure> {
        if self.bytes.len() < DatagramFlow::BUFFER_SIZE {
            self.bytes = vec![0; DatagramFlow::BUFFER_SIZE];
        }
        let received = flow.receive(&mut self.bytes)?;
        self.length = received.unwrap_or(0);
        Ok(received.is_some())
    }
}
