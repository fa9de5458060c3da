//! The plain backend: one `recvmsg` and one `sendmsg` for each datagram.
//!
//! Works for every family, needs no special support from the kernel, and is the reference in the
//! tests of the faster backend.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use crate::socket::Socket;

use super::address::Peer;
use super::batch::{DatagramBackend, Inbox, Outbox, Run};
use super::call::{Excerpt, traced};
use super::control_message::{self, CAPACITY, Control, UNIX_CAPACITY};
use super::return_path::ReturnPaths;
use super::sys;
use crate::endpoint::SocketType;

/// Receives and answers datagrams one call at a time.
#[derive(Debug)]
pub struct PlainBackend {
    socket: Arc<Socket>,
    is_unix: bool,
    return_paths: ReturnPaths,
}

impl PlainBackend {
    /// A backend on a bound datagram socket.
    pub fn new(socket: Arc<Socket>) -> Self {
        let is_unix = socket.is_unix();
        Self {
            socket,
            is_unix,
            return_paths: ReturnPaths::new(is_unix),
        }
    }

    fn receive_one(&mut self, inbox: &mut Inbox, flags: i32) -> io::Result<Received> {
        #[repr(align(8))]
        struct ControlBuffer([u8; CAPACITY]);
        let mut control = ControlBuffer([0; CAPACITY]);
        let control_capacity = if self.is_unix {
            UNIX_CAPACITY
        } else {
            CAPACITY
        };
        let Some(buffer) = inbox.free_buffer() else {
            return Ok(Received::Full);
        };
        let descriptor = self.socket.as_raw_fd();
        let room = &mut control.0[..control_capacity];
        let result = sys::receive_message(self.socket.as_fd(), buffer, room, flags);
        let message = match result {
            // Every batch ends with an empty queue; logging that would only be noise.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Ok(message) if message.length == 0 && message.peer.len() == 0 && !self.is_unix => {
                return Ok(Received::ShutDown);
            }
            result => traced(format_args!("recvmsg({descriptor})"), result, |message| {
                format!(
                    "{} {} from {}",
                    message.length,
                    Excerpt(&buffer[..message.length]),
                    Peer(&message.peer, SocketType::Datagram)
                )
            })?,
        };
        let received = control_message::parse(&control.0[..message.control_length]);
        inbox.push(Run {
            peer: message.peer,
            destination: received.destination,
            length: message.length,
            // The process that passed an inherited socket may have enabled UDP_GRO on it.
            segment_size: received.segment_size.map_or(message.length, usize::from),
            truncated: message.flags & libc::MSG_TRUNC != 0,
            control_truncated: message.flags & libc::MSG_CTRUNC != 0 && !self.is_unix,
            sender: received.sender,
        });
        Ok(Received::One)
    }

    fn send_one(&self, bytes: &[u8], run: &Run, control: &[u8]) -> io::Result<()> {
        let descriptor = self.socket.as_raw_fd();
        let peer = self.return_paths.address(run)?;
        loop {
            let result = sys::send_message(
                self.socket.as_fd(),
                bytes,
                peer,
                control,
                libc::MSG_DONTWAIT | sys::NO_SIGNAL,
            );
            if matches!(&result, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
                continue;
            }
            let call = format_args!(
                "sendmsg({descriptor}, {}, to {})",
                Excerpt(bytes),
                Peer(&run.peer, SocketType::Datagram)
            );
            return traced(call, result, |sent| *sent).map(|_| ());
        }
    }
}

enum Received {
    One,
    Full,
    ShutDown,
}

impl DatagramBackend for PlainBackend {
    fn receive(&mut self, inbox: &mut Inbox, blocking: bool) -> io::Result<()> {
        inbox.clear();
        let mut flags = if blocking { 0 } else { libc::MSG_DONTWAIT };
        loop {
            match self.receive_one(inbox, flags) {
                Ok(Received::One) => flags = libc::MSG_DONTWAIT,
                Ok(Received::Full | Received::ShutDown) => return Ok(()),
                // The batch so far is answered first; the error returns with the next call.
                Err(_) if !inbox.runs().is_empty() => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn send(&mut self, inbox: &Inbox, outbox: &mut Outbox) {
        let mut failures = std::mem::take(&mut outbox.failures);
        for (index, answer) in outbox.answers.iter().enumerate() {
            let run = &inbox.runs()[answer.run];
            let mut control = Control::default();
            if let Some(info) = run.destination {
                control.add_source(info);
            }
            self.return_paths.open(run);
            let bytes = outbox.bytes(inbox, answer);
            let size = answer.segment_size.max(1);
            for number in 0..answer.datagrams() {
                let segment = &bytes[number * size..bytes.len().min((number + 1) * size)];
                if let Err(error) = self.send_one(segment, run, control.as_bytes()) {
                    failures.push(super::batch::Failure {
                        answer: index,
                        datagrams: 1,
                        error,
                    });
                }
            }
        }
        self.return_paths.clear();
        outbox.failures = failures;
    }
}
