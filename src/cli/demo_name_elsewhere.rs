//! The free name of a Unix socket for a demonstration, where all names are paths.

use bullhorn_socket::endpoint::UnixName;

/// A path of this process. The server removes its file.
pub(super) fn free_name() -> UnixName {
    UnixName::Path(format!("/tmp/bullhorn-demo-{}", std::process::id()))
}
