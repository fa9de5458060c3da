//! What Linux reports about connections.

use mio::Interest;

/// Urgent data is an event too: a read stops there, however much follows (tcp(7)).
pub(super) const READ_INTEREST: Interest = Interest::READABLE.add(Interest::PRIORITY);

/// The errors of accept(2) that concern only the connection, "already-pending network errors" among
/// them (accept(2), "Error handling").
pub(super) const CONNECTION_ERRORS: [i32; 13] = [
    libc::ECONNABORTED,
    libc::EINTR,
    libc::EPERM,
    libc::ENETDOWN,
    libc::EPROTO,
    libc::ENOPROTOOPT,
    libc::EHOSTDOWN,
    libc::ENONET,
    libc::EHOSTUNREACH,
    libc::EOPNOTSUPP,
    libc::ENETUNREACH,
    libc::ECONNRESET,
    libc::ETIMEDOUT,
];
