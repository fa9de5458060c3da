//! Flows of datagrams: a connected socket each.

use std::io;

use socket2::Socket;

use super::ledger::{Books, Ledger};
use super::transport::{Clock, Taken, Transport};
use bullhorn_socket::connected::Batch;

pub(super) struct Datagrams {
    sockets: Vec<Socket>,
    batch: Batch,
}

impl Datagrams {
    /// Takes connected sockets for texts of `text_length` bytes.
    pub(super) fn new(
        sockets: Vec<Socket>,
        text_length: usize,
        has_offload: bool,
    ) -> io::Result<Self> {
        let mut batch = Batch::new(text_length, has_offload);
        for socket in &sockets {
            batch.prepare(socket)?;
        }
        Ok(Self { sockets, batch })
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
        place: usize,
        ledger: &Ledger,
        amount: usize,
        books: &mut Books,
    ) -> io::Result<usize> {
        let texts = books.texts.requests(ledger.flow(), ledger.next(), amount);
        self.batch.send(&self.sockets[place], texts)
    }

    fn receive(
        &mut self,
        place: usize,
        ledger: &mut Ledger,
        books: &mut Books,
        clock: Clock,
    ) -> io::Result<Taken> {
        let most = ledger.outstanding().max(1) as usize;
        let received = self.batch.receive(&self.sockets[place], most)?;
        let now_ns = clock.now_ns();
        for index in 0..received {
            let (answers, segment_size) = self.batch.received(index);
            ledger.settle_segments(answers, segment_size, now_ns, books);
        }
        Ok(Taken::At(now_ns))
    }
}
