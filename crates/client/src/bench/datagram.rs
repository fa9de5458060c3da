//! Flows of datagrams, each with a connected socket, sent and received in batches.

use std::io;

use bullhorn_socket::Socket;

use super::books::Books;
use super::clock::Clock;
use super::ledger::Ledger;
use super::transport::{Received, Transport};
use bullhorn_socket::datagrams::Batch;

pub(super) struct Datagrams {
    sockets: Vec<Socket>,
    batch: Batch,
    /// Nothing is received at the end of a connection; no answer is empty.
    is_connection: bool,
}

impl Datagrams {
    /// Flows over connected sockets, for texts of `text_length` bytes.
    pub(super) fn new(
        sockets: Vec<Socket>,
        is_connection: bool,
        text_length: usize,
        has_offload: bool,
    ) -> io::Result<Self> {
        let mut batch = Batch::new(text_length, has_offload);
        for socket in &sockets {
            batch.prepare(socket)?;
        }
        Ok(Self {
            sockets,
            batch,
            is_connection,
        })
    }
}

impl Transport for Datagrams {
    fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    fn has_offload(&self) -> bool {
        self.batch.has_offload()
    }

    fn send(
        &mut self,
        index: usize,
        ledger: &Ledger,
        amount: usize,
        books: &mut Books,
    ) -> io::Result<usize> {
        let texts = books.texts.requests(ledger.flow(), ledger.next(), amount);
        self.batch.send(&self.sockets[index], texts)
    }

    fn receive(
        &mut self,
        index: usize,
        ledger: &mut Ledger,
        books: &mut Books,
        clock: Clock,
    ) -> io::Result<Received> {
        let max = ledger.outstanding().max(1) as usize;
        let buffers = self.batch.receive(&self.sockets[index], max)?;
        let now_ns = clock.now_ns();
        for buffer in 0..buffers {
            let (replies, segment_size) = self.batch.received(buffer);
            if replies.is_empty() && self.is_connection {
                return Ok(Received::Closed);
            }
            ledger.settle_segments(replies, segment_size, now_ns, books);
        }
        Ok(Received::At(now_ns))
    }
}
