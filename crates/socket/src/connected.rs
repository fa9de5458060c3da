//! Datagrams of equal size over connected sockets, many per call and many per buffer: for a client at
//! rates that single calls do not reach.
//!
//! With offload, a run is sent as one buffer that the kernel cuts into datagrams (UDP_SEGMENT), and
//! received as the kernel joined it (UDP_GRO; udp(7)). Without, single datagrams are sent with
//! sendmmsg(2) and received with recvmmsg(2).

use std::io;
use std::os::fd::AsFd;

use crate::socket::Socket;

use super::batch::{BUFFER_SIZE, BUFFER_STRIDE, MAX_BATCH};
use super::bind_options::RECEIVE_BUFFER;
use super::control_message::{self, CAPACITY};
use super::refused_paths::refusal;
use super::segmentation::max_run_bytes;
use super::sys::{self, ReceiveArray, SendArray};
use crate::endpoint::MAX_IPV4_DATAGRAM;

/// The buffers and arrays that all sockets of a worker share.
pub struct Batch {
    receiving: ReceiveArray,
    sending: SendArray,
    buffers: Vec<u8>,
    /// The size of each datagram that is sent.
    size: usize,
    has_offload: bool,
    /// A path refused the offload, although the sockets have it enabled.
    is_refused: bool,
    /// The last buffer held several datagrams, so one buffer per call is enough.
    receives_joined: bool,
}

impl Batch {
    /// Buffers for datagrams of `size` bytes.
    pub fn new(size: usize, has_offload: bool) -> Self {
        Self {
            receiving: ReceiveArray::new(MAX_BATCH, CAPACITY),
            sending: SendArray::default(),
            buffers: vec![0; MAX_BATCH * BUFFER_STRIDE],
            size,
            has_offload,
            is_refused: false,
            receives_joined: false,
        }
    }

    /// Whether datagrams are sent and received joined.
    pub fn has_offload(&self) -> bool {
        self.has_offload
    }

    /// Prepares a connected socket for this batch. On a kernel without the offload it stays off.
    pub fn prepare(&mut self, socket: &Socket) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        // The kernel grants up to net.core.rmem_max.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        let is_unix = socket.is_unix();
        if is_unix {
            self.receiving.refuse_control();
        }
        if is_unix || self.size == 0 || self.size > MAX_IPV4_DATAGRAM {
            self.has_offload = false;
        }
        if self.has_offload {
            let set = |name, value| sys::set_option(socket, libc::SOL_UDP, name, value);
            let is_set = set(libc::UDP_GRO, 1)
                .and_then(|()| set(libc::UDP_SEGMENT, self.size as libc::c_int));
            self.has_offload = is_set.is_ok();
        }
        Ok(())
    }

    /// Sends the datagrams in `bytes`; returns the number that the kernel took. An error is that of the
    /// first one.
    pub fn send(&mut self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        if !self.has_offload && (bytes.len() > self.size || self.is_refused) {
            return self.send_singly(socket, bytes);
        }
        let max = (max_run_bytes(self.size) / self.size).max(1);
        let mut sent = 0;
        for run in bytes.chunks(max * self.size) {
            match socket.send(run) {
                Ok(_) => sent += run.len() / self.size,
                Err(error) if sent == 0 && self.has_offload && refusal(&error).is_some() => {
                    self.has_offload = false;
                    self.is_refused = true;
                    return self.send_singly(socket, bytes);
                }
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn send_singly(&mut self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        if self.is_refused {
            sys::set_option(socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0)?;
        }
        let mut sent = 0;
        for batch in bytes.chunks(MAX_BATCH * self.size) {
            let mut filling = self.sending.fill();
            let datagrams = batch.len() / self.size;
            for datagram in batch.chunks_exact(self.size) {
                filling.push_to_connected(datagram);
            }
            let result = filling
                .finish()
                .send(socket.as_fd(), 0..datagrams, libc::MSG_NOSIGNAL);
            match result {
                Ok(taken) => {
                    sent += taken;
                    if taken < datagrams {
                        break;
                    }
                }
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// Receives into at most `max` buffers without waiting; returns the number filled.
    pub fn receive(&mut self, socket: &Socket, max: usize) -> io::Result<usize> {
        let max = if self.receives_joined { 1 } else { max };
        let buffers = self
            .buffers
            .chunks_exact_mut(BUFFER_STRIDE)
            .take(max.max(1));
        let buffers = buffers.map(|buffer| &mut buffer[..BUFFER_SIZE]);
        self.receiving
            .receive(socket.as_fd(), buffers, libc::MSG_DONTWAIT)
    }

    /// Buffer `index` of the last call, and the size of each datagram in it but the last.
    pub fn received(&mut self, index: usize) -> (&[u8], usize) {
        let (length, control) = self.receiving.length_and_control(index);
        let joined = control_message::parse(control).segment_size;
        let segment_size = joined.map_or(length, usize::from);
        self.receives_joined = segment_size < length;
        let begin = index * BUFFER_STRIDE;
        (&self.buffers[begin..begin + length], segment_size)
    }
}
