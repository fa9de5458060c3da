//! Finds the answers of a batch that can leave as one buffer: those to one peer, of equal size, the
//! last perhaps shorter (UDP_SEGMENT; udp(7)).
//!
//! The kernel's cost is per buffer, so fewer buffers mean more answers per second. Pure: no sockets.

use crate::address::Address;

use super::batch::{Answer, Run};
use super::segmentation::max_run_bytes;

/// Marks the end of a chain.
const NONE: u32 = u32::MAX;

/// Answers that leave as one buffer, as a chain through the coalescer.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The index of its first answer.
    pub first: u32,
    last: u32,
    /// The run whose peer and destination all of them share.
    pub run: usize,
    /// How many datagrams it has.
    pub datagrams: usize,
    /// Bytes of each datagram; the last may be shorter.
    pub segment_size: usize,
    bytes: usize,
    /// Its last datagram is shorter, so nothing may follow.
    closed: bool,
    /// Has more than one datagram, and they cannot be joined on the path to their peer.
    pub plain: bool,
}

/// Puts answers into groups; reuses its memory.
#[derive(Default)]
pub struct Coalescer {
    /// The groups of the last batch, in the order of their first answers.
    pub groups: Vec<Group>,
    next: Vec<u32>,
    /// For a hash of a peer, the index of its last group plus one; 0 is none.
    table: Vec<u32>,
}

impl Coalescer {
    /// Groups `answers`. The datagrams to one peer keep their order. `allowed` returns whether
    /// datagrams of this size may be joined on the path to this run's peer.
    pub fn group(
        &mut self,
        runs: &[Run],
        answers: &[Answer],
        mut allowed: impl FnMut(&Run, usize) -> bool,
    ) {
        self.groups.clear();
        self.next.clear();
        self.table.clear();
        // A single answer, as in a ping-pong, needs no hashing.
        let slots = match answers.len() {
            1 => 1,
            count => (2 * count).next_power_of_two(),
        };
        self.table.resize(slots, 0);
        for (index, answer) in answers.iter().enumerate() {
            self.next.push(NONE);
            let run = &runs[answer.run];
            let slot = match slots {
                1 => 0,
                _ => self.slot_of(runs, answer.run),
            };
            let length = answer.range.len();
            let datagrams = answer.datagrams();
            let joins = match self.table[slot].checked_sub(1) {
                Some(group) => {
                    let group = &self.groups[group as usize];
                    !group.closed
                        && (answer.segment_size == group.segment_size
                            || datagrams == 1 && length < group.segment_size)
                        && length > 0
                        && group.bytes + length <= max_run_bytes(group.segment_size)
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
    pub fn members(&self, group: &Group) -> impl Iterator<Item = usize> {
        let mut index = group.first;
        std::iter::from_fn(move || {
            let member = (index != NONE).then_some(index as usize)?;
            index = self.next[member];
            Some(member)
        })
    }

    /// The slot of the peer of run `index`: its own, or the first free one.
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

/// Spreads peers over the table. Peers that an attacker makes collide cost at most a batch's worth of
/// steps per datagram.
fn hash(peer: &Address) -> usize {
    let port_and_host = match peer.as_socket() {
        Some(std::net::SocketAddr::V4(address)) => {
            u64::from(address.port()) | u64::from(u32::from(*address.ip())) << 16
        }
        Some(std::net::SocketAddr::V6(address)) => {
            let host = u128::from(*address.ip());
            u64::from(address.port()) ^ (host as u64) ^ (host >> 64) as u64
        }
        None => peer.len() as u64,
    };
    (port_and_host.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Place;
    use crate::endpoint::MAX_IPV4_DATAGRAM;
    use crate::segmentation::MAX_SEGMENTS;
    use proptest::prelude::*;

    fn run_from(port: u16) -> Run {
        Run {
            peer: std::net::SocketAddr::from(([127, 0, 0, 1], port)).into(),
            destination: None,
            length: 0,
            segment_size: 0,
            truncated: false,
            control_truncated: false,
            sender: None,
        }
    }

    proptest! {
        #[test]
        fn datagrams_keep_their_order_and_groups_are_what_the_kernel_can_cut(
            // Of few peers, many of few sizes: (peer, segment size, length).
            input in prop::collection::vec((0..4_u16, prop::sample::select(vec![1_usize, 7, 64, 1400]), 0..5000_usize), 1..100),
            refused_size in prop::sample::select(vec![64_usize, 1400, usize::MAX]),
        ) {
            let runs: Vec<Run> = input.iter().map(|(peer, ..)| run_from(1000 + peer)).collect();
            let answers: Vec<Answer> = input.iter().enumerate().map(|(index, (_, size, length))| {
                let length = (*length).min(size * MAX_SEGMENTS);
                Answer { run: index, place: Place::Inbox, range: 0..length, segment_size: *size }
            }).collect();
            let mut coalescer = Coalescer::default();
            coalescer.group(&runs, &answers, |_, size| size < refused_size);

            let mut per_peer: Vec<Vec<usize>> = vec![Vec::new(); 4];
            for group in &coalescer.groups {
                let members: Vec<usize> = coalescer.members(group).collect();
                let bytes: usize = members.iter().map(|index| answers[*index].range.len()).sum();
                let datagrams: usize = members.iter().map(|index| answers[*index].datagrams()).sum();
                prop_assert_eq!(datagrams, group.datagrams);
                if members.len() > 1 {
                    prop_assert!(group.segment_size < refused_size);
                    prop_assert!(bytes <= MAX_IPV4_DATAGRAM && datagrams <= MAX_SEGMENTS);
                    // Cut at every segment size, the bytes give the same datagrams again.
                    prop_assert_eq!(datagrams, bytes.div_ceil(group.segment_size));
                    let (last, others) = members.split_last().unwrap();
                    for index in others {
                        prop_assert_eq!(answers[*index].range.len() % group.segment_size, 0);
                        prop_assert_ne!(answers[*index].range.len(), 0);
                    }
                    prop_assert_ne!(answers[*last].range.len(), 0);
                }
                prop_assert_eq!(group.plain, datagrams > 1 && group.segment_size >= refused_size);
                for index in members {
                    prop_assert_eq!(&runs[index].peer, &runs[group.run].peer);
                    per_peer[usize::from(input[index].0)].push(index);
                }
            }
            for (peer, got) in per_peer.into_iter().enumerate() {
                let expected: Vec<usize> = (0..input.len()).filter(|index| usize::from(input[*index].0) == peer).collect();
                prop_assert_eq!(got, expected);
            }
        }
    }
}
