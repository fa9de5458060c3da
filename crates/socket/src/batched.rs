//! The fast backend of Linux: many datagrams per call (recvmmsg, sendmmsg), many datagrams per
//! buffer (UDP_GRO, UDP_SEGMENT).
//!
//! Where the kernel refuses to cut a buffer into datagrams on some path, their bytes are sent datagram
//! by datagram, now and later. Every datagram of a short or failed send is accounted for.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use crate::socket::Socket;

use super::address::Peer;
use super::batch::{DatagramBackend, Failure, Inbox, Outbox, Run};
use super::call::{Excerpt, is_traced, traced, traced_zero};
use super::coalesce::{Coalescer, Group};
use super::control_message::{self, CAPACITY, Control, UNIX_CAPACITY};
use super::refused_paths::RefusedPaths;
use super::return_path::ReturnPaths;
use super::sys::{self, Filled, ReceiveArray, SendArray};
use crate::endpoint::SocketType;

/// The least capacity of a batch after one that received something. The capacity is twice the last
/// batch's runs.
const MIN_CAPACITY: usize = 4;

/// The capacity after a call that found nothing. A busy-polling worker most likely finds one datagram
/// next, and with a second buffer the kernel would look for another one before it returns.
const CAPACITY_WHEN_IDLE: usize = 1;

/// Receives and answers datagrams many at a time.
pub struct BatchedBackend {
    socket: Arc<Socket>,
    is_unix: bool,
    receiving: ReceiveArray,
    /// The most runs of the next batch. Preparing a full batch takes longer than receiving one datagram.
    capacity: usize,
    sending: SendArray,
    coalescer: Coalescer,
    controls: Vec<Control>,
    refused: RefusedPaths,
    return_paths: ReturnPaths,
}

impl BatchedBackend {
    /// A backend on a bound datagram socket, for batches of `capacity` runs. Asks the kernel to
    /// join datagrams of one flow (UDP_GRO); one that cannot gives runs of one.
    pub fn new(socket: Arc<Socket>, capacity: usize) -> Self {
        let is_unix = socket.is_unix();
        if !is_unix {
            let descriptor = socket.as_raw_fd();
            let _ = traced_zero(
                format_args!("setsockopt({descriptor}, SOL_UDP, UDP_GRO, 1)"),
                sys::set_option(&*socket, libc::SOL_UDP, libc::UDP_GRO, 1),
            );
        }
        let control_capacity = if is_unix { UNIX_CAPACITY } else { CAPACITY };
        Self {
            socket,
            is_unix,
            receiving: ReceiveArray::new(capacity, control_capacity),
            capacity: MIN_CAPACITY,
            sending: SendArray::default(),
            coalescer: Coalescer::default(),
            controls: Vec::new(),
            refused: RefusedPaths::default(),
            return_paths: ReturnPaths::new(is_unix),
        }
    }

    /// Receives into the buffers of `inbox`; returns how many of them have a message.
    fn receive_batch(&mut self, inbox: &mut Inbox, blocking: bool) -> io::Result<usize> {
        let (socket, descriptor) = (self.socket.as_fd(), self.socket.as_raw_fd());
        let capacity = self.capacity.min(inbox.capacity());
        if capacity == 1
            && let Some(buffer) = inbox.free_buffer()
        {
            let flags = if blocking { 0 } else { libc::MSG_DONTWAIT };
            let result = self.receiving.receive_one(socket, buffer, flags);
            let call = format_args!("recvmsg({descriptor})");
            return traced_unless_empty(call, result).map(|_| 1);
        }
        let flags = if blocking {
            libc::MSG_WAITFORONE
        } else {
            libc::MSG_DONTWAIT
        };
        let buffers = inbox.free_buffers().take(capacity);
        let result = self.receiving.receive(socket, buffers, flags);
        let name = self.receiving.call().name();
        traced_unless_empty(format_args!("{name}({descriptor}, {capacity})"), result)
    }

    /// Sends the datagrams of a group one by one.
    fn send_plainly(&self, group: &Group, batch: &Outgoing<'_>, failures: &mut Vec<Failure>) {
        for index in self.coalescer.members(group) {
            let segment_size = batch.outbox.answers[index].segment_size.max(1);
            for segment in batch.bytes(index).chunks(segment_size) {
                if let Err(error) = self.send_one(segment, batch.run(group), batch.return_paths) {
                    failures.push(Failure {
                        answer: index,
                        datagrams: 1,
                        error,
                    });
                }
            }
        }
    }

    /// Sends one datagram to the peer of `run`.
    fn send_one(&self, bytes: &[u8], run: &Run, return_paths: &ReturnPaths) -> io::Result<usize> {
        let (socket, peer) = (self.socket.as_fd(), return_paths.address(run)?);
        loop {
            let (name, result) = match run.destination {
                None => ("sendto", sys::send_to(socket, bytes, peer, SEND_FLAGS)),
                Some(_) => {
                    let control = control_for(run, None);
                    let control = control.as_bytes();
                    let result = sys::send_message(socket, bytes, peer, control, SEND_FLAGS);
                    ("sendmsg", result)
                }
            };
            if !is_interrupted(&result) {
                let call = format_args!(
                    "{name}({}, {}, to {})",
                    socket.as_raw_fd(),
                    Excerpt(bytes),
                    Peer(&run.peer, SocketType::Datagram)
                );
                return traced(call, result, |sent| *sent);
            }
        }
    }

    fn fail(
        &self,
        group: &Group,
        batch: &Outgoing<'_>,
        error: &io::Error,
        failures: &mut Vec<Failure>,
    ) {
        for index in self.coalescer.members(group) {
            failures.push(Failure {
                answer: index,
                datagrams: batch.outbox.answers[index].datagrams(),
                error: copy(error),
            });
        }
    }

    fn send_batch(&mut self, batch: &Outgoing<'_>, failures: &mut Vec<Failure>) {
        if let [answer] = batch.outbox.answers.as_slice()
            && answer.datagrams() == 1
        {
            let run = &batch.inbox.runs()[answer.run];
            if let Err(error) = self.send_one(batch.bytes(0), run, batch.return_paths) {
                failures.push(Failure {
                    answer: 0,
                    datagrams: 1,
                    error,
                });
            }
            return;
        }
        let mut groups = self.group(batch);
        // Taken out, as what is filled in points to what stays in `self`.
        let controls = std::mem::take(&mut self.controls);
        let mut sending = std::mem::take(&mut self.sending);
        let mut filled = self.fill(&mut sending, &groups, &controls, batch);
        let mut settled = 0;
        while settled < groups.len() {
            settled += self.send_from(settled, &groups, &mut filled, batch, failures);
        }
        self.sending = sending;
        self.controls = controls;
        groups.clear();
        self.coalescer.groups = groups;
    }

    /// The groups of a batch, for each of which that needs it there is an entry in `controls`.
    fn group(&mut self, batch: &Outgoing<'_>) -> Vec<Group> {
        let (refused, may_join) = (&self.refused, !self.is_unix);
        self.coalescer
            .group(batch.inbox.runs(), &batch.outbox.answers, |run, size| {
                may_join && refused.permit(&run.peer, size)
            });
        let mut groups = std::mem::take(&mut self.coalescer.groups);
        self.controls.clear();
        for group in &mut groups {
            let run = batch.run(group);
            // An answer without a return path fails alone.
            group.plain |= batch.return_paths.address(run).is_err();
            if needs_control(group, run) {
                let segments = (group.datagrams > 1).then_some(group.segment_size);
                self.controls.push(control_for(run, segments));
            }
        }
        groups
    }

    /// A message for each group.
    fn fill<'a>(
        &self,
        sending: &'a mut SendArray,
        groups: &[Group],
        controls: &'a [Control],
        batch: &Outgoing<'a>,
    ) -> Filled<'a> {
        let mut filling = sending.fill();
        let mut prepared = controls.iter();
        for group in groups {
            let run = batch.run(group);
            let control = needs_control(group, run).then(|| prepared.next()).flatten();
            let members = self.coalescer.members(group);
            let pieces = members.map(|index| batch.bytes(index));
            let peer = batch.return_paths.address(run).unwrap_or(&run.peer);
            filling.push(pieces, peer, control.map_or(&[], Control::as_bytes));
        }
        filling.finish()
    }

    /// Sends the groups from `first` on, as many as one call takes; returns how many are sent or failed.
    fn send_from(
        &mut self,
        first: usize,
        groups: &[Group],
        filled: &mut Filled<'_>,
        batch: &Outgoing<'_>,
        failures: &mut Vec<Failure>,
    ) -> usize {
        let group = &groups[first];
        if group.plain {
            self.send_plainly(group, batch, failures);
            return 1;
        }
        let plain = groups[first..].iter().position(|group| group.plain);
        let end = plain.map_or(groups.len(), |offset| first + offset);
        let result = filled.send(self.socket.as_fd(), first..end, SEND_FLAGS);
        if is_interrupted(&result) {
            return 0;
        }
        let (name, descriptor) = (filled.call().name(), self.socket.as_raw_fd());
        let call = format_args!("{name}({descriptor}, {})", end - first);
        match traced(call, result, |count| *count) {
            Ok(0) => {
                // No kernel returns this; if one did, nothing would go uncounted.
                let error = io::ErrorKind::WriteZero.into();
                self.fail(group, batch, &error, failures);
                1
            }
            Ok(sent) => sent,
            Err(error) => {
                let peer = &batch.run(group).peer;
                if group.datagrams > 1 && self.refused.note(peer, group.segment_size, &error) {
                    self.send_plainly(group, batch, failures);
                } else {
                    self.fail(group, batch, &error, failures);
                }
                1
            }
        }
    }
}

/// A batch of answers and what they answer.
struct Outgoing<'a> {
    inbox: &'a Inbox,
    outbox: &'a Outbox,
    return_paths: &'a ReturnPaths,
}

impl<'a> Outgoing<'a> {
    /// The run whose peer gets `group`.
    fn run(&self, group: &Group) -> &'a Run {
        &self.inbox.runs()[group.run]
    }

    /// The bytes of answer `index`.
    fn bytes(&self, index: usize) -> &'a [u8] {
        self.outbox.bytes(self.inbox, &self.outbox.answers[index])
    }
}

const SEND_FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

fn is_interrupted<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::Interrupted)
}

fn copy(error: &io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Whether the message needs a control message; most single answers need none.
fn needs_control(group: &Group, run: &Run) -> bool {
    group.datagrams > 1 || run.destination.is_some()
}

fn control_for(run: &Run, segment_size: Option<usize>) -> Control {
    let mut control = Control::default();
    if let Some(info) = run.destination {
        control.add_source(info);
    }
    if let Some(size) = segment_size.and_then(|size| u16::try_from(size).ok()) {
        control.add_segment_size(size);
    }
    control
}

/// A receive call as a line of the log. One that found nothing is left out: while busy-polling, there
/// are millions of them.
fn traced_unless_empty(call: fmt::Arguments<'_>, result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
        result => traced(call, result, |count| *count),
    }
}

impl DatagramBackend for BatchedBackend {
    fn receive(&mut self, inbox: &mut Inbox, blocking: bool) -> io::Result<()> {
        inbox.clear();
        let received = self.receive_batch(inbox, blocking).inspect_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                self.capacity = CAPACITY_WHEN_IDLE;
            }
        })?;
        self.capacity = (2 * received).max(MIN_CAPACITY);
        for index in 0..received {
            let message = self.receiving.message(index);
            if message.length == 0 && message.peer.len() == 0 && !self.is_unix {
                // The wait was ended by a shutdown, and so is the batch.
                break;
            }
            let parsed = control_message::parse(message.control);
            inbox.push(Run {
                peer: message.peer,
                destination: parsed.destination,
                length: message.length,
                segment_size: parsed.segment_size.map_or(message.length, usize::from),
                truncated: message.flags & libc::MSG_TRUNC != 0,
                control_truncated: message.flags & libc::MSG_CTRUNC != 0 && !self.is_unix,
                sender: parsed.sender,
            });
        }
        if is_traced() {
            for (index, run) in inbox.runs().iter().enumerate() {
                tracing::trace!(target: super::call::TARGET, "  {} {} from {}", run.length,
                    Excerpt(inbox.bytes(index)), Peer(&run.peer, SocketType::Datagram));
            }
        }
        Ok(())
    }

    fn send(&mut self, inbox: &Inbox, outbox: &mut Outbox) {
        // Taken out, as what is sent points to them.
        let mut return_paths = std::mem::take(&mut self.return_paths);
        let mut failures = std::mem::take(&mut outbox.failures);
        if self.is_unix {
            for answer in &outbox.answers {
                return_paths.open(&inbox.runs()[answer.run]);
            }
        }
        let batch = Outgoing {
            inbox,
            outbox,
            return_paths: &return_paths,
        };
        self.send_batch(&batch, &mut failures);
        outbox.failures = failures;
        return_paths.clear();
        self.return_paths = return_paths;
    }
}
