//! Which answers of a batch can leave as one buffer: those to one peer, of equal size, the last
//! perhaps shorter (UDP_SEGMENT; udp(7)).
//!
//! The cost of a datagram is that of its buffer's way through the kernel, so what makes fewer
//! buffers makes more answers. Pure: no sockets.

use socket2::SockAddr;

use super::batch::{Answer, Run};

/// The most datagrams in one buffer (UDP_MAX_SEGMENTS in include/linux/udp.h, as it was at first).
const MOST_SEGMENTS: usize = 64;

/// The most bytes in one buffer: what one IPv4 datagram could have.
const MOST_BYTES: usize = crate::endpoint::MAX_IPV4_DATAGRAM;

/// Marks the end of a chain.
const NONE: u32 = u32::MAX;

/// Answers that leave as one buffer, as a chain through [`Coalescer::next`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) first: u32,
    last: u32,
    /// The run whose peer and destination all of them share.
    pub(crate) run: usize,
    pub(crate) datagrams: usize,
    pub(crate) segment_size: usize,
    bytes: usize,
    /// Its last datagram is shorter, so nothing may follow.
    closed: bool,
    /// Has more than one datagram, and they may not be joined on the way to their peer.
    pub(crate) plain: bool,
}

/// Puts answers into groups; its memory is used again.
#[derive(Default)]
pub(crate) struct Coalescer {
    pub(crate) groups: Vec<Group>,
    next: Vec<u32>,
    /// For a hash of a peer, its last group and one more than its number: 0 is none.
    table: Vec<u32>,
}

impl Coalescer {
    /// Groups `answers`. The datagrams to one peer keep their order. `allowed` says whether
    /// datagrams of this size may be joined on the way to this run's peer.
    pub(crate) fn group(
        &mut self,
        runs: &[Run],
        answers: &[Answer],
        mut allowed: impl FnMut(&Run, usize) -> bool,
    ) {
        self.groups.clear();
        self.next.clear();
        self.table.clear();
        self.table
            .resize((2 * answers.len()).next_power_of_two(), 0);
        for (index, answer) in answers.iter().enumerate() {
            self.next.push(NONE);
            let run = &runs[answer.run];
            let slot = self.slot_of(runs, answer.run);
            let length = answer.range.len();
            let datagrams = answer.datagrams();
            let joins = match self.table[slot].checked_sub(1) {
                Some(group) => {
                    let group = &self.groups[group as usize];
                    !group.closed
                        && (answer.segment_size == group.segment_size
                            || datagrams == 1 && length < group.segment_size)
                        && length > 0
                        && group.bytes + length <= MOST_BYTES
                        && group.datagrams + datagrams <= MOST_SEGMENTS
                        && allowed(run, group.segment_size)
                }
                None => false,
            };
            let index = index as u32;
            if joins {
                let group = &mut self.groups[self.table[slot] as usize - 1];
                self.next[group.last as usize] = index;
                group.last = index;
                group.datagrams += datagrams;
                group.bytes += length;
                group.closed = !length.is_multiple_of(group.segment_size);
            } else {
                self.groups.push(Group {
                    first: index,
                    last: index,
                    run: answer.run,
                    datagrams,
                    segment_size: answer.segment_size,
                    bytes: length,
                    closed: length == 0 || !length.is_multiple_of(answer.segment_size),
                    plain: datagrams > 1 && !allowed(run, answer.segment_size),
                });
                self.table[slot] = self.groups.len() as u32;
            }
        }
    }

    /// The answers of a group, in order.
    pub(crate) fn members(&self, group: &Group) -> impl Iterator<Item = usize> {
        let mut index = group.first;
        std::iter::from_fn(move || {
            let member = (index != NONE).then_some(index as usize)?;
            index = self.next[member];
            Some(member)
        })
    }

    /// The place in the table of the peer of run `index`: its own, or the first free one.
    fn slot_of(&self, runs: &[Run], index: usize) -> usize {
        let run = &runs[index];
        let mask = self.table.len() - 1;
        let mut slot = hash(&run.peer) & mask;
        loop {
            match self.table[slot].checked_sub(1) {
                None => return slot,
                Some(group) => {
                    let other = &runs[self.groups[group as usize].run];
                    if other.peer == run.peer && other.destination == run.destination {
                        return slot;
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
    }
}

/// Spreads peers over the table. An attacker who makes peers collide costs at most a batch's worth
/// of steps for each datagram.
fn hash(peer: &SockAddr) -> usize {
    let port_and_host = match peer.as_socket() {
        Some(std::net::SocketAddr::V4(address)) => {
            u64::from(address.port()) | u64::from(u32::from(*address.ip())) << 16
        }
        Some(std::net::SocketAddr::V6(address)) => {
            let host = u128::from(*address.ip());
            u64::from(address.port()) ^ (host as u64) ^ (host >> 64) as u64
        }
        None => u64::from(peer.len()),
    };
    (port_and_host.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}
