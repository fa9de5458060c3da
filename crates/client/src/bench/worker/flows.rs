//! The flows of a worker: their sockets, ledgers and queues, and what a failed call on one of them
//! means.

use std::io;
use std::iter;

use super::queues::Queues;
use crate::ask::path_errors::PathErrors;
use crate::bench::books::Books;
use crate::bench::clock::Clock;
use crate::bench::ledger::Ledger;
use crate::bench::schedule::Schedule;
use crate::bench::transport::{Received, Transport};
use bullhorn_socket::error::is_disconnect;
use bullhorn_socket::{PathError, PathOutcome};

pub(in crate::bench) struct Flows<T> {
    pub(super) transport: T,
    pub(super) ledgers: Vec<Ledger>,
    pub(super) queues: Queues,
    pub(super) books: Books,
    clock: Clock,
    /// The latest reading of the clock.
    pub(super) now_ns: u64,
    /// What the path reported.
    pub(super) path_errors: PathErrors,
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
            path_errors: PathErrors::default(),
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
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
            _ if is_disconnect(&error) => {
                self.close(index);
                Ok(())
            }
            _ if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(()),
            _ => self.note_path_error(self.transport.sockets()[index].explain(error)),
        }
    }

    /// Counts what the path reports; returns an error that is about something else, and one from
    /// before the first right reply, as the others would fail in the same way.
    fn note_path_error(&mut self, error: io::Error) -> io::Result<()> {
        let Some(path_error) = PathError::of(&error) else {
            return Err(error);
        };
        self.path_errors.add(path_error, 1);
        let record = &self.books.record;
        let has_replied = record.counts.ok + record.warmup.ok > 0;
        match path_error.outcome() {
            // The kernel has learned the path MTU, and fragments from now on.
            PathOutcome::TooBig => Ok(()),
            PathOutcome::Unsent => Err(error),
            _ if has_replied => Ok(()),
            _ => Err(error),
        }
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
