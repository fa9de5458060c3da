//! Datagrams of equal size over connected sockets, one a call: only Linux takes and gives many of
//! them at once.

use std::io;

use crate::socket::Socket;

use super::batch::BUFFER_SIZE;
use super::bind_options::RECEIVE_BUFFER;

/// The buffer that all sockets of a worker share.
pub struct Batch {
    buffer: Vec<u8>,
    /// The size of each datagram that is sent.
    size: usize,
    /// Bytes in the buffer.
    length: usize,
}

impl Batch {
    /// A buffer for datagrams of `size` bytes, which are never joined.
    pub fn new(size: usize, _has_offload: bool) -> Self {
        Self {
            buffer: vec![0; BUFFER_SIZE],
            size,
            length: 0,
        }
    }

    /// Whether datagrams are sent and received joined.
    pub fn has_offload(&self) -> bool {
        false
    }

    /// Prepares a connected socket for this batch.
    pub fn prepare(&mut self, socket: &Socket) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        // The kernel grants up to kern.ipc.maxsockbuf.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        Ok(())
    }

    /// Sends the datagrams in `bytes`; returns the number that the kernel took. An error is that of
    /// the first one.
    pub fn send(&mut self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        for (sent, datagram) in bytes.chunks_exact(self.size).enumerate() {
            match socket.send(datagram) {
                Ok(_) => {}
                Err(error) if sent == 0 => return Err(error),
                Err(_) => return Ok(sent),
            }
        }
        Ok(bytes.len() / self.size)
    }

    /// Receives one datagram without waiting; returns the number of buffers filled.
    pub fn receive(&mut self, socket: &Socket, _max: usize) -> io::Result<usize> {
        self.length = socket.recv(&mut self.buffer)?;
        Ok(1)
    }

    /// Buffer `index` of the last call, and the size of each datagram in it but the last.
    pub fn received(&mut self, _index: usize) -> (&[u8], usize) {
        (&self.buffer[..self.length], self.length)
    }
}
