//! Many datagrams in one call: recvmmsg(2) and sendmmsg(2), with arrays that are allocated once.
//!
//! Where those two calls are refused, recvmsg(2) and sendmsg(2) do the same, one message per call.

#![allow(
    clippy::unnecessary_cast,
    reason = "the lengths in msghdr are of other types with other C libraries"
)]

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use socket2::{SockAddr, SockAddrStorage};

use crate::address::Address;

use super::permission::Call;
use super::recvmsg::name_length;
use super::unix::close_passed;
use crate::control_message::CAPACITY;
use crate::refusal::is_refused;

/// Control messages of one datagram, aligned as cmsghdr must be.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct ControlBuffer([u8; CAPACITY]);

/// What the header of one message points to, besides the buffer.
struct Slot {
    vector: libc::iovec,
    address: libc::sockaddr_storage,
    control: ControlBuffer,
}

impl Slot {
    fn new() -> Self {
        Self {
            vector: libc::iovec {
                iov_base: ptr::null_mut(),
                iov_len: 0,
            },
            // SAFETY: all zeros is a valid sockaddr_storage, one of no family.
            address: unsafe { std::mem::zeroed() },
            control: ControlBuffer([0; CAPACITY]),
        }
    }

    /// Points `header` to this slot and, through it, to `buffer`.
    fn prepare(&mut self, header: &mut libc::msghdr, buffer: &mut [u8], control_capacity: usize) {
        self.vector.iov_base = buffer.as_mut_ptr().cast();
        self.vector.iov_len = buffer.len();
        header.msg_name = (&raw mut self.address).cast();
        header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        header.msg_iov = &raw mut self.vector;
        header.msg_iovlen = 1;
        header.msg_control = self.control.0.as_mut_ptr().cast();
        header.msg_controllen = control_capacity.min(CAPACITY) as _;
    }
}

/// The arrays of `recvmmsg`.
pub(crate) struct ReceiveArray {
    headers: Vec<libc::mmsghdr>,
    slots: Vec<Slot>,
    /// Bytes for control messages; the kernel discards those that do not fit.
    control_capacity: usize,
    /// recvmmsg is refused.
    is_single: bool,
    /// The error that ended the last batch of single calls; the next one returns it.
    pending: Option<io::Error>,
}

// SAFETY: the pointers inside are set before each call and not read between calls.
unsafe impl Send for ReceiveArray {}

/// One received datagram, or one run of them.
pub(crate) struct ReceivedMessage<'a> {
    pub length: usize,
    /// Of length 0 when the sender has no name, or the socket was shut down.
    pub peer: Address,
    pub control: &'a [u8],
    /// MSG_TRUNC, MSG_CTRUNC and the like.
    pub flags: i32,
}

impl ReceiveArray {
    /// An array for `capacity` messages, each with `control_capacity` bytes of control messages.
    pub(crate) fn new(capacity: usize, control_capacity: usize) -> Self {
        // SAFETY: all zeros is a valid mmsghdr: null pointers and zero lengths.
        let header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        Self {
            headers: vec![header; capacity],
            slots: std::iter::repeat_with(Slot::new).take(capacity).collect(),
            control_capacity,
            is_single: false,
            pending: None,
        }
    }

    /// From now on no control messages are received, and no descriptors with them.
    pub(crate) fn refuse_control(&mut self) {
        self.control_capacity = 0;
    }

    /// The call that [`Self::receive`] makes.
    pub(crate) fn call(&self) -> Call {
        if self.is_single {
            Call::Recvmsg
        } else {
            Call::Recvmmsg
        }
    }

    /// Closes descriptors passed with the first `count` messages. Only a socket that another process
    /// shares and has changed receives any.
    fn close_passed(&self, count: usize) {
        for index in 0..count {
            close_passed(self.length_and_control(index).1);
        }
    }

    /// Receives into `buffers`, one message each; returns the number received.
    pub(crate) fn receive<'a>(
        &mut self,
        socket: BorrowedFd<'_>,
        buffers: impl Iterator<Item = &'a mut [u8]>,
        flags: i32,
    ) -> io::Result<usize> {
        let mut count = 0_usize;
        let slots = self.headers.iter_mut().zip(&mut self.slots);
        for ((header, slot), buffer) in slots.zip(buffers) {
            slot.prepare(&mut header.msg_hdr, buffer, self.control_capacity);
            count += 1;
        }
        if !self.is_single {
            // SAFETY: each of the first `count` headers points to the vector, address and control
            // buffer of a slot of its own, and the vector to a buffer that is borrowed mutably for
            // 'a, all with their true lengths; nothing of it moves before the call returns. A null
            // timeout is allowed.
            let received = unsafe {
                libc::recvmmsg(
                    socket.as_raw_fd(),
                    self.headers.as_mut_ptr(),
                    count as _,
                    (flags | libc::MSG_CMSG_CLOEXEC) as _,
                    ptr::null_mut(),
                )
            };
            if received >= 0 {
                self.close_passed(received as usize);
                return Ok(received as usize);
            }
            let error = io::Error::last_os_error();
            if !is_refused(Call::Recvmmsg, &error, Call::Recvmsg) {
                return Err(error);
            }
            self.is_single = true;
        }
        let received = self.receive_singly(socket, count, flags)?;
        self.close_passed(received);
        Ok(received)
    }

    /// What recvmmsg does with the first `count` headers, which are prepared.
    fn receive_singly(
        &mut self,
        socket: BorrowedFd<'_>,
        count: usize,
        flags: i32,
    ) -> io::Result<usize> {
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        let mut flags_of_one = (flags & !libc::MSG_WAITFORONE) | libc::MSG_CMSG_CLOEXEC;
        for (received, header) in self.headers[..count].iter_mut().enumerate() {
            // SAFETY: as in `receive`, for this header alone.
            let length =
                unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header.msg_hdr, flags_of_one) };
            if length < 0 {
                let error = io::Error::last_os_error();
                if received == 0 {
                    return Err(error);
                }
                if !matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) {
                    self.pending = Some(error);
                }
                return Ok(received);
            }
            header.msg_len = length as _;
            if flags & libc::MSG_WAITFORONE != 0 {
                flags_of_one |= libc::MSG_DONTWAIT;
            }
        }
        Ok(count)
    }

    /// Receives one message, which gets index 0, into `buffer` with recvmsg(2), which is faster for one
    /// than recvmmsg(2); returns its length.
    pub(crate) fn receive_one(
        &mut self,
        socket: BorrowedFd<'_>,
        buffer: &mut [u8],
        flags: i32,
    ) -> io::Result<usize> {
        let header = &mut self.headers[0];
        self.slots[0].prepare(&mut header.msg_hdr, buffer, self.control_capacity);
        let flags = flags | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: as in `receive`, for the first header alone.
        let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header.msg_hdr, flags) };
        if length < 0 {
            return Err(io::Error::last_os_error());
        }
        header.msg_len = length as _;
        self.close_passed(1);
        Ok(length as usize)
    }

    /// The length and the control messages of message `index`, for connected sockets, whose peer is
    /// known.
    pub(crate) fn length_and_control(&self, index: usize) -> (usize, &[u8]) {
        let header = &self.headers[index];
        let control_length = (header.msg_hdr.msg_controllen as usize).min(CAPACITY);
        (
            header.msg_len as usize,
            &self.slots[index].control.0[..control_length],
        )
    }

    /// Message `index` of the last [`receive`](Self::receive), which must have returned more.
    pub(crate) fn message(&self, index: usize) -> ReceivedMessage<'_> {
        let header = &self.headers[index];
        let control_length = (header.msg_hdr.msg_controllen as usize).min(CAPACITY);
        let name_length = name_length(&header.msg_hdr);
        let mut storage = SockAddrStorage::zeroed();
        // SAFETY: a sockaddr_storage may be seen as one.
        *unsafe { storage.view_as::<libc::sockaddr_storage>() } = self.slots[index].address;
        // SAFETY: the kernel wrote `msg_namelen` bytes of an address of the socket's family into
        // this storage.
        let peer = Address(unsafe { SockAddr::new(storage, name_length) });
        ReceivedMessage {
            length: header.msg_len as usize,
            peer,
            control: &self.slots[index].control.0[..control_length],
            flags: header.msg_hdr.msg_flags,
        }
    }
}

/// The arrays of `sendmmsg`, filled and sent within one borrow.
#[derive(Default)]
pub(crate) struct SendArray {
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    /// sendmmsg is refused.
    is_single: bool,
}

// SAFETY: the pointers inside are only read by the call that follows their being set, within the
// borrow of what they point to; see `Filling`.
unsafe impl Send for SendArray {}

/// Messages under construction; everything they point to is borrowed for `'a`.
pub(crate) struct Filling<'a> {
    array: &'a mut SendArray,
    /// The vectors point to these.
    pieces: std::marker::PhantomData<&'a [u8]>,
}

impl SendArray {
    /// Starts over with no messages.
    pub(crate) fn fill<'a>(&'a mut self) -> Filling<'a> {
        self.headers.clear();
        self.vectors.clear();
        Filling {
            array: self,
            pieces: std::marker::PhantomData,
        }
    }
}

impl<'a> Filling<'a> {
    /// Adds a message made of `pieces`, one after the other.
    pub(crate) fn push(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]>,
        peer: &'a Address,
        control: &'a [u8],
    ) {
        let before = self.array.vectors.len();
        self.array.vectors.extend(pieces.map(|piece| libc::iovec {
            iov_base: piece.as_ptr().cast_mut().cast(),
            iov_len: piece.len(),
        }));
        // SAFETY: all zeros is a valid mmsghdr: null pointers and zero lengths.
        let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        header.msg_hdr.msg_name = peer.0.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = peer.0.len();
        header.msg_hdr.msg_iovlen = (self.array.vectors.len() - before) as _;
        if !control.is_empty() {
            header.msg_hdr.msg_control = control.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_controllen = control.len() as _;
        }
        self.array.headers.push(header);
    }

    /// Adds a message to the peer that the socket is connected to.
    pub(crate) fn push_to_connected(&mut self, bytes: &'a [u8]) {
        self.array.vectors.push(libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        });
        // SAFETY: all zeros is a valid mmsghdr: null pointers and zero lengths.
        let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        header.msg_hdr.msg_iovlen = 1;
        self.array.headers.push(header);
    }

    /// Completes the messages.
    pub(crate) fn finish(self) -> Filled<'a> {
        let mut first = 0;
        let vectors = self.array.vectors.as_mut_ptr();
        for header in &mut self.array.headers {
            // In bounds: the vectors were pushed message by message, as many as counted. Set only now,
            // as pushing may have moved them.
            header.msg_hdr.msg_iov = vectors.wrapping_add(first);
            first += header.msg_hdr.msg_iovlen as usize;
        }
        Filled { array: self.array }
    }
}

/// Messages ready to be sent.
pub(crate) struct Filled<'a> {
    array: &'a mut SendArray,
}

impl Filled<'_> {
    /// The call that [`Self::send`] makes.
    pub(crate) fn call(&self) -> Call {
        if self.array.is_single {
            Call::Sendmsg
        } else {
            Call::Sendmmsg
        }
    }

    /// Sends the messages in `range`; returns the number sent. An error is that of the first.
    pub(crate) fn send(
        &mut self,
        socket: BorrowedFd<'_>,
        range: Range<usize>,
        flags: i32,
    ) -> io::Result<usize> {
        let Some(headers) = self.array.headers.get_mut(range) else {
            return Ok(0);
        };
        if !self.array.is_single {
            // SAFETY: the headers' pointers are to peers, control bytes and pieces that are borrowed
            // for the lifetime of this value, and to vectors that it borrows with their array; the
            // kernel only reads them, and writes msg_len into the headers, which are ours.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    headers.as_mut_ptr(),
                    headers.len() as _,
                    flags as _,
                )
            };
            if sent >= 0 {
                return Ok(sent as usize);
            }
            let error = io::Error::last_os_error();
            if !is_refused(Call::Sendmmsg, &error, Call::Sendmsg) {
                return Err(error);
            }
            self.array.is_single = true;
        }
        for (sent, header) in headers.iter().enumerate() {
            // SAFETY: as above, for this header alone.
            let length =
                unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header.msg_hdr, flags) };
            if length < 0 {
                let error = io::Error::last_os_error();
                return if sent == 0 { Err(error) } else { Ok(sent) };
            }
        }
        Ok(headers.len())
    }
}
