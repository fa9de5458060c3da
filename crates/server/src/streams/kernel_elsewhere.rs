//! What macOS and FreeBSD report about connections.

use mio::Interest;

/// There is no event for urgent data (kqueue(2)).
pub(super) const READ_INTEREST: Interest = Interest::READABLE;

/// The errors of accept(2) that concern only the connection; macOS returns its reset as well.
pub(super) const CONNECTION_ERRORS: [i32; 5] = [
    libc::ECONNABORTED,
    libc::EINTR,
    libc::EPROTO,
    libc::ECONNRESET,
    libc::ENETDOWN,
];
