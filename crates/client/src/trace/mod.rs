//! Where on the path a flow ends: probes of one flow with rising TTL, hop by hop, until a right
//! answer.
//!
//! In reading order: [`Settings`]; a `reply` is what comes back for one probe; a `round` sends one
//! probe for each TTL, over datagrams (`datagram`: one socket, many probes in flight) or by
//! connecting (`stream`: a socket for each TTL, one after the other); `hops` adds up the rounds, and
//! `names` finds the names of addresses meanwhile. A [`Trace`] is the result, with its [`Outcome`].
//!
//! What routers report comes from the error queue of the socket (IP_RECVERR, ip(7)), so no privilege
//! is needed. The flow has one source port, as a path may depend on it.

mod datagram;
mod hops;
mod names;
mod outcome;
mod prober;
mod reply;
mod round;
mod run;
mod settings;
mod stream;
mod summary;

pub use outcome::Outcome;
pub use run::run;
pub use settings::Settings;
pub use summary::{Hop, HopAddress, Trace};
