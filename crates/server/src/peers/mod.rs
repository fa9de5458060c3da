//! The most recent peers of each endpoint: whether the requests of an address arrived, and what
//! happened to them. Off by default.
//!
//! A [`table`] has a fixed size. Each datagram worker has its own, which it updates once per batch
//! (`datagrams`); each listener has one, which its connections share (`streams`). A [`PeerTable`]
//! merges them when it is read.

mod datagrams;
mod peer;
mod peer_table;
mod streams;
mod table;

pub(crate) use datagrams::PeerTally;
pub use peer::{DatagramPeer, Peer, PeerTotals};
pub(crate) use peer_table::Tables;
pub use peer_table::{EndpointPeers, PeerTable};
pub(crate) use streams::{StreamPeer, StreamPeers};
