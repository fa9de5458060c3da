//! The flows of a worker: their sockets, ledgers and queues, and what a failed call on one of them
//! means.

use std::io;
use std::iter;

use super::queues::Queues;
use crate::bench::books::Books;
use crate::bench::clock::Clock;
use crate::bench::ledger::Ledger;
use crate::bench::schedule::Schedule;
use crate::bench::transport::{Received, Transport};

pub(in crate::bench) struct Flows<T> {
    pub(super) transport: T,
    pub(super) ledgers: Vec<Ledger>,
    pub(super) queues: Queues,
    pub(super) books: Books,
    clock: Clock,
    /// The latest reading of the clock.
    pub(super) now_ns: u64,
    /// Calls that failed because the peer refused.
    pub(super) refused: u64,
    /// Connections that the peer closed.
    pub(super) closed: u64,
}

impl<T: Transport> Flows<T> {
    /// One flow for each of the ledgers, over the sockets of `transport`.
    pub(in crate::bench) fn new(
        transport: T,
        ledgers: Vec<Ledger>,
        books: Books,
        clock: Clock,
    ) -> Self {
        Self {
            queues: Queues::new(ledgers.len()),
            transport,
            ledgers,
            books,
            now_ns: clock.now_ns(),
            clock,
            refused: 0,
            closed: 0,
        }
    }

    pub(super) fn read_clock(&mut self) -> u64 {
        self.now_ns = self.clock.now_ns();
        self.now_ns
    }

    /// Sends up to `amount` texts of a flow; returns how many were sent. With a schedule they are
    /// its next ones.
    pub(super) fn send(
        &mut self,
        index: usize,
        amount: u64,
        schedule: Option<&mut Schedule>,
    ) -> io::Result<u64> {
        let ledger = &mut self.ledgers[index];
        let books = &mut self.books;
        let now_ns = self.clock.now_ns();
        let sent = match self.transport.send(index, ledger, amount as usize, books) {
            Ok(sent) => sent as u64,
            Err(error) => return self.handle_error(error, index).map(|()| 0),
        };
        match schedule {
            Some(schedule) => {
                ledger.note_sent(sent, now_ns, schedule.intended_ns(), books);
                schedule.advance(sent);
            }
            None => ledger.note_sent(sent, now_ns, iter::empty(), books),
        }
        if sent > 0 {
            self.queues.push_waiting(index);
        }
        Ok(sent)
    }

    /// Receives on a flow, at most what one turn allows.
    pub(super) fn receive(&mut self, index: usize) -> io::Result<Received> {
        self.books.begin_turn();
        let ledger = &mut self.ledgers[index];
        self.transport
            .receive(index, ledger, &mut self.books, self.clock)
    }

    /// Ignores an error that is temporary, or concerns only this flow; returns any other.
    pub(super) fn handle_error(&mut self, error: io::Error, index: usize) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
            io::ErrorKind::ConnectionRefused => {
                self.refused += 1;
                let record = &self.books.record;
                if record.counts.ok + record.warmup.ok == 0 {
                    return Err(error);
                }
            }
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => self.close(index),
            _ if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            _ => return Err(error),
        }
        Ok(())
    }

    /// The peer closed the connection: outstanding requests are lost.
    pub(super) fn close(&mut self, index: usize) {
        self.closed += u64::from(self.queues.close(index));
        self.ledgers[index].give_up(&mut self.books);
    }

    /// Ends the turn of the longest waiting flow. Its requests from before `limit_ns` are lost.
    pub(super) fn end_turn(&mut self, index: usize, limit_ns: u64) {
        let ledger = &mut self.ledgers[index];
        ledger.expire(limit_ns, &mut self.books);
        self.queues.pop_waiting();
        if ledger.outstanding() > 0 {
            self.queues.push_waiting(index);
        }
    }

    pub(super) fn begin_measuring(&mut self) {
        for ledger in &mut self.ledgers {
            ledger.begin_measuring();
        }
    }

    /// The run was aborted: open requests count as pending.
    pub(super) fn leave_pending(&mut self) {
        for ledger in &mut self.ledgers {
            ledger.leave_pending(&mut self.books);
        }
    }
}
