//! The result of one family and socket type.

use std::time::Duration;

use bullhorn_socket::endpoint::{Endpoint, Family, SocketType};

/// A request over one family and socket type.
#[derive(Debug)]
pub(crate) struct Row {
    /// Where the service listened, or was meant to.
    pub(crate) endpoint: Endpoint,
    pub(crate) family: Family,
    pub(crate) socket_type: SocketType,
    /// The answer and its round trip, or the reason why there is none.
    pub(crate) result: Result<(Vec<u8>, Duration), String>,
}
