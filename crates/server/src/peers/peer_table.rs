//! The peers of a whole server: the tables of all workers and listeners, merged when read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::datagrams::{DatagramPeers, PeerTally, Row};
use super::peer::{Peer, PeerTotals};
use super::streams::StreamPeers;
use bullhorn_socket::Address;
use bullhorn_socket::endpoint::{Endpoint, SocketType};

/// The peers of one endpoint, the most recent first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointPeers {
    /// The endpoint that was asked.
    pub endpoint: Endpoint,
    /// Its most recent peers.
    pub peers: Vec<Peer>,
    /// Rows that were replaced by those of more recent peers. A peer that returns is counted anew.
    pub evicted: u64,
}

/// Reads the most recent peers of a server, also after it has stopped. It keeps no socket open.
#[derive(Clone, Debug)]
pub struct PeerTable {
    endpoints: Arc<Vec<(Endpoint, EndpointTables)>>,
    max: usize,
}

#[derive(Debug)]
enum EndpointTables {
    /// One of each worker.
    Datagram(Vec<DatagramPeers>),
    Stream(SocketType, StreamPeers),
}

impl PeerTable {
    /// The peers of every endpoint, in the order in which the endpoints were given.
    pub fn read(&self) -> Vec<EndpointPeers> {
        let read = |(endpoint, tables): &(Endpoint, EndpointTables)| {
            let (mut peers, mut evicted) = tables.read(self.max);
            peers.sort_by_key(|peer| std::cmp::Reverse(peer.last_seen));
            evicted += peers.len().saturating_sub(self.max) as u64;
            peers.truncate(self.max);
            EndpointPeers {
                endpoint: endpoint.clone(),
                peers,
                evicted,
            }
        };
        self.endpoints.iter().map(read).collect()
    }
}

impl EndpointTables {
    fn read(&self, max: usize) -> (Vec<Peer>, u64) {
        match self {
            Self::Datagram(workers) => read_datagrams(workers, max),
            Self::Stream(socket_type, peers) => read_streams(*socket_type, peers, max),
        }
    }
}

fn read_datagrams(workers: &[DatagramPeers], max: usize) -> (Vec<Peer>, u64) {
    let mut merged: HashMap<Address, Row> = HashMap::new();
    let mut evicted = 0;
    for worker in workers {
        // Copied first, as the worker waits meanwhile.
        let mut rows = Vec::with_capacity(max);
        evicted += worker.read(|address, row| rows.push((address.clone(), row)));
        for (address, row) in rows {
            let sum = merged.entry(address).or_default();
            sum.totals += row.totals;
            sum.last_seen = sum.last_seen.max(row.last_seen);
        }
    }
    let peers = merged.into_iter().map(|(address, row)| Peer {
        address,
        last_seen: row.last_seen.unwrap_or_else(Instant::now),
        socket_type: SocketType::Datagram,
        totals: PeerTotals::Datagram(row.totals),
    });
    (peers.collect(), evicted)
}

fn read_streams(socket_type: SocketType, table: &StreamPeers, max: usize) -> (Vec<Peer>, u64) {
    let mut peers = Vec::with_capacity(max);
    let evicted = table.read(|address, peer| {
        peers.push(Peer {
            address: address.clone(),
            last_seen: peer.last_seen(),
            socket_type,
            totals: PeerTotals::Stream(peer.counters.read()),
        });
    });
    (peers, evicted)
}

/// Makes the tables of a server that is being started; none when there is no room for a peer.
#[derive(Debug)]
pub(crate) struct Tables {
    max: usize,
    endpoints: Vec<(Endpoint, EndpointTables)>,
}

impl Tables {
    /// Room for `max` peers of each endpoint.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            endpoints: Vec::new(),
        }
    }

    /// A table for each of `workers` workers of a datagram endpoint.
    pub(crate) fn of_workers(&mut self, endpoint: &Endpoint, workers: usize) -> Vec<PeerTally> {
        if self.max == 0 {
            return Vec::new();
        }
        let tables: Vec<_> = (0..workers).map(|_| DatagramPeers::new(self.max)).collect();
        let tallies = tables.iter().cloned().map(PeerTally::new).collect();
        let tables = EndpointTables::Datagram(tables);
        self.endpoints.push((endpoint.clone(), tables));
        tallies
    }

    /// The table of an endpoint with connections.
    pub(crate) fn of_listener(
        &mut self,
        endpoint: &Endpoint,
        socket_type: SocketType,
    ) -> Option<StreamPeers> {
        (self.max > 0).then(|| {
            let table = StreamPeers::new(self.max);
            let tables = EndpointTables::Stream(socket_type, table.clone());
            self.endpoints.push((endpoint.clone(), tables));
            table
        })
    }

    pub(crate) fn finish(self) -> Option<PeerTable> {
        (self.max > 0).then(|| PeerTable {
            endpoints: Arc::new(self.endpoints),
            max: self.max,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::stats::DropCause;
    use bullhorn_socket::datagrams::Run;

    fn run(host: u8, datagrams: usize) -> Run {
        let peer = SocketAddr::from(([192, 0, 2, host], 9)).into();
        Run::new(peer, 10 * datagrams, 10)
    }

    fn rows(of_endpoint: &EndpointPeers) -> Vec<(String, u64, u64)> {
        let row = |peer: &Peer| match peer.totals {
            PeerTotals::Datagram(totals) => (peer.name(), totals.received, totals.dropped()),
            PeerTotals::Stream(totals) => panic!("{totals:?}"),
        };
        of_endpoint.peers.iter().map(row).collect()
    }

    #[test]
    fn the_rows_of_all_workers_are_added_up_and_the_most_recent_listed() {
        let mut tables = Tables::new(2);
        let mut workers = tables.of_workers(&Endpoint::default(), 2);
        let table = tables.finish().unwrap();
        workers[0].note_drop(DropCause::RateLimited, 2, 1);
        workers[0].note_drop(DropCause::QueueFull, 1, 0);
        workers[0].note_drop(DropCause::PeerGone, 1, 1);
        workers[0].count_batch(&[run(1, 3), run(2, 5)]);
        workers[1].count_batch(&[run(3, 1)]);
        workers[1].count_batch(&[run(2, 7)]);
        let read = table.read();
        let name = |host| format!("192.0.2.{host}");
        assert_eq!(rows(&read[0]), [(name(2), 12, 3), (name(3), 1, 0)]);
        assert_eq!(read[0].evicted, 1, "what does not fit into the list");
    }

    #[test]
    fn a_late_drop_counts_for_a_peer_that_is_still_listed() {
        let mut tables = Tables::new(1);
        let mut workers = tables.of_workers(&Endpoint::default(), 1);
        let table = tables.finish().unwrap();
        workers[0].count_batch(&[run(1, 3)]);
        for host in [1, 2] {
            workers[0].note_drop(DropCause::PeerGone, 1, 0);
            workers[0].count_late_drops(&[run(host, 1)]);
        }
        assert_eq!(rows(&table.read()[0]), [("192.0.2.1".to_owned(), 3, 1)]);
    }

    #[test]
    fn without_room_there_is_no_table() {
        let mut tables = Tables::new(0);
        assert!(tables.of_workers(&Endpoint::default(), 4).is_empty());
        assert!(
            tables
                .of_listener(&Endpoint::default(), SocketType::Stream)
                .is_none()
        );
        assert!(tables.finish().is_none());
    }
}
