//! The fast backend of Linux: many datagrams a call (recvmmsg, sendmmsg), many datagrams a buffer
//! (UDP_GRO, UDP_SEGMENT).
//!
//! Where the kernel refuses to cut a buffer into datagrams on some path, the same bytes go there
//! plainly, now and later. Every datagram of a short or failed send is accounted for.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use crate::socket::Socket;

use super::address::Peer;
use super::batch::{DatagramBackend, Failure, Inbox, Outbox, Run};
use super::call::{Excerpt, is_traced, traced, traced_zero};
use super::coalesce::{Coalescer, Group};
use super::control_message::{self, CAPACITY, CREDENTIALS_CAPACITY, Control};
use super::return_path::ReturnPaths;
use super::segmentation::RefusedPaths;
use super::sys::{self, ReceiveArray, SendArray};
use crate::endpoint::SocketType;

/// How many runs a batch may have after one that had hardly any; it doubles from batch to batch.
const FEWEST_PLACES: usize = 4;

/// As many after a look that found nothing. Whoever looks again and again most likely finds one datagram,
/// and a second place would only make the kernel look for another one before it returns.
const PLACES_WHEN_IDLE: usize = 1;

/// Receives and answers datagrams many at a time.
pub struct BatchedBackend {
    socket: Arc<Socket>,
    is_unix: bool,
    receiving: ReceiveArray,
    /// How many runs the next batch may have. Preparing a place for each run of a full batch takes longer than
    /// receiving one datagram.
    places: usize,
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
        let control_capacity = if is_unix {
            CREDENTIALS_CAPACITY
        } else {
            CAPACITY
        };
        Self {
            socket,
            is_unix,
            receiving: ReceiveArray::new(capacity, control_capacity),
            places: FEWEST_PLACES,
            sending: SendArray::default(),
            coalescer: Coalescer::default(),
            controls: Vec::new(),
            refused: RefusedPaths::default(),
            return_paths: ReturnPaths::new(is_unix),
        }
    }

    /// Sends the datagrams of a group one by one.
    fn send_plainly(
        &self,
        group: &Group,
        inbox: &Inbox,
        outbox: &Outbox,
        return_paths: &ReturnPaths,
        failures: &mut Vec<Failure>,
    ) {
        let run = &inbox.runs()[group.run];
        for index in self.coalescer.members(group) {
            let answer = &outbox.answers[index];
            let bytes = outbox.bytes(inbox, answer);
            for segment in bytes.chunks(answer.segment_size.max(1)) {
                if let Err(error) = self.send_one(segment, run, return_paths) {
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

    fn fail(&self, group: &Group, outbox: &Outbox, error: &io::Error, failures: &mut Vec<Failure>) {
        for index in self.coalescer.members(group) {
            failures.push(Failure {
                answer: index,
                datagrams: outbox.answers[index].datagrams(),
                error: copy(error),
            });
        }
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

/// Whether anything has to be said beside the bytes; most answers that are alone need nothing.
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

impl DatagramBackend for BatchedBackend {
    fn receive(&mut self, inbox: &mut Inbox, blocking: bool) -> io::Result<()> {
        inbox.clear();
        let (socket, places) = (self.socket.as_fd(), self.places);
        let descriptor = socket.as_raw_fd();
        let one = inbox.free_buffer().filter(|_| places == 1);
        let is_one = one.is_some();
        let result = match one {
            Some(buffer) => {
                let flags = if blocking { 0 } else { libc::MSG_DONTWAIT };
                self.receiving.receive_one(socket, buffer, flags)
            }
            None => {
                let flags = if blocking {
                    libc::MSG_WAITFORONE
                } else {
                    libc::MSG_DONTWAIT
                };
                let buffers = inbox.free_buffers().take(places);
                self.receiving.receive(socket, buffers, flags)
            }
        };
        let received = match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.places = PLACES_WHEN_IDLE;
                return Err(error);
            }
            result if is_one => {
                let call = format_args!("recvmsg({descriptor})");
                traced(call, result, |length| *length).map(|_| 1)?
            }
            result => {
                let name = self.receiving.call().name();
                let call = format_args!("{name}({descriptor}, {places})");
                traced(call, result, |count| *count)?
            }
        };
        self.places = (2 * received).max(FEWEST_PLACES);
        for index in 0..received {
            let message = self.receiving.message(index);
            if message.length == 0 && message.peer.len() == 0 && !self.is_unix {
                // The wait was ended by a shutdown, and so is the batch.
                break;
            }
            let told = control_message::parse(message.control);
            inbox.push(Run {
                peer: message.peer,
                destination: told.destination,
                length: message.length,
                segment_size: told.segment_size.map_or(message.length, usize::from),
                truncated: message.flags & libc::MSG_TRUNC != 0,
                control_truncated: message.flags & libc::MSG_CTRUNC != 0 && !self.is_unix,
                sender: told.sender,
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
        // Taken out, as what is sent points to it.
        let mut return_paths = std::mem::take(&mut self.return_paths);
        if self.is_unix {
            for answer in &outbox.answers {
                return_paths.open(&inbox.runs()[answer.run]);
            }
        }
        self.send_all(inbox, outbox, &return_paths);
        return_paths.clear();
        self.return_paths = return_paths;
    }
}

impl BatchedBackend {
    fn send_all(&mut self, inbox: &Inbox, outbox: &mut Outbox, return_paths: &ReturnPaths) {
        if let [answer] = outbox.answers.as_slice()
            && answer.datagrams() == 1
        {
            let bytes = outbox.bytes(inbox, answer);
            if let Err(error) = self.send_one(bytes, &inbox.runs()[answer.run], return_paths) {
                outbox.failures.push(Failure {
                    answer: 0,
                    datagrams: 1,
                    error,
                });
            }
            return;
        }
        let mut failures = std::mem::take(&mut outbox.failures);
        let refused = &self.refused;
        let may_join = !self.is_unix;
        self.coalescer
            .group(inbox.runs(), &outbox.answers, |run, size| {
                may_join && refused.permit(&run.peer, size)
            });
        let mut groups = std::mem::take(&mut self.coalescer.groups);
        self.controls.clear();
        for group in &mut groups {
            let run = &inbox.runs()[group.run];
            // One that has nowhere to go fails by itself.
            group.plain |= return_paths.address(run).is_err();
            if needs_control(group, run) {
                let segments = (group.datagrams > 1).then_some(group.segment_size);
                self.controls.push(control_for(run, segments));
            }
        }
        // Taken out, as what is filled in points to what stays in `self`.
        let controls = std::mem::take(&mut self.controls);
        let mut sending = std::mem::take(&mut self.sending);
        {
            let mut filling = sending.fill();
            let mut prepared = controls.iter();
            for group in &groups {
                let run = &inbox.runs()[group.run];
                let control = needs_control(group, run).then(|| prepared.next()).flatten();
                let members = self.coalescer.members(group);
                let pieces = members.map(|index| outbox.bytes(inbox, &outbox.answers[index]));
                let peer = return_paths.address(run).unwrap_or(&run.peer);
                filling.push(pieces, peer, control.map_or(&[], Control::as_bytes));
            }
            let mut filled = filling.finish();
            let mut done = 0;
            while done < groups.len() {
                let group = &groups[done];
                if group.plain {
                    self.send_plainly(group, inbox, outbox, return_paths, &mut failures);
                    done += 1;
                    continue;
                }
                let plain = groups[done..].iter().position(|group| group.plain);
                let end = plain.map_or(groups.len(), |offset| done + offset);
                let result = filled.send(self.socket.as_fd(), done..end, SEND_FLAGS);
                if is_interrupted(&result) {
                    continue;
                }
                let (name, descriptor) = (filled.call().name(), self.socket.as_raw_fd());
                let call = format_args!("{name}({descriptor}, {})", end - done);
                match traced(call, result, |count| *count) {
                    Ok(0) => {
                        // No kernel says so; were it to, nothing would be left uncounted.
                        let error = io::ErrorKind::WriteZero.into();
                        self.fail(group, outbox, &error, &mut failures);
                        done += 1;
                    }
                    Ok(sent) => done += sent,
                    Err(error) => {
                        let peer = &inbox.runs()[group.run].peer;
                        if group.datagrams > 1
                            && self.refused.note(peer, group.segment_size, &error)
                        {
                            self.send_plainly(group, inbox, outbox, return_paths, &mut failures);
                        } else {
                            self.fail(group, outbox, &error, &mut failures);
                        }
                        done += 1;
                    }
                }
            }
        }
        self.sending = sending;
        self.controls = controls;
        groups.clear();
        self.coalescer.groups = groups;
        outbox.failures = failures;
    }
}
