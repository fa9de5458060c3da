//! How the workers of a datagram endpoint share its address: all receive from one socket.
//!
//! SO_REUSEPORT does not spread flows over sockets that are bound one after the other (setsockopt(2);
//! SO_REUSEPORT_LB of FreeBSD must be set before the first is bound, which then excludes no other
//! server).

use super::bind_options::BindOptions;
use super::bound::BoundSocket;
use crate::error::Result;

/// As many threads as workers. The answers to one client may overtake each other.
pub(super) fn share_address(bound: &mut BoundSocket, options: &BindOptions) -> Result<()> {
    bound.threads = options.workers.max(1);
    Ok(())
}
