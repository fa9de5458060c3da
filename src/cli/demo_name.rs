//! The free name of a Unix socket for a demonstration.

use bullhorn_socket::endpoint::UnixName;

/// An abstract name of this process.
pub(super) fn free_name() -> UnixName {
    UnixName::Abstract(format!("bullhorn-demo-{}", std::process::id()))
}
