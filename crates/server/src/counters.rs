//! The counters behind the totals, endpoint by endpoint.

use std::sync::Arc;

use super::datagrams::KernelDrops;
use super::stats::{DatagramCounters, DatagramTotals, Stats, StreamCounters, Totals};
use bullhorn_socket::endpoint::Endpoint;

/// The counters of one endpoint.
#[derive(Debug)]
pub(super) enum Counters {
    Datagram {
        workers: Vec<Arc<DatagramCounters>>,
        sockets: Vec<Arc<KernelDrops>>,
    },
    Stream(Arc<StreamCounters>),
}

impl Counters {
    pub(super) fn read_all(counters: &[(Endpoint, Self)]) -> Stats {
        let read = |(endpoint, counters): &(Endpoint, Self)| (endpoint.clone(), counters.read());
        Stats::new(counters.iter().map(read).collect())
    }

    fn read(&self) -> Totals {
        match self {
            Self::Datagram { workers, sockets } => {
                let mut totals = DatagramTotals::default();
                for counters in workers {
                    totals += counters.read();
                }
                totals.kernel_dropped = sockets.iter().map(|drops| drops.total()).sum();
                Totals::Datagram(totals)
            }
            Self::Stream(counters) => Totals::Stream(counters.read()),
        }
    }
}
