//! The most descriptors that this process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit (RLIMIT_NOFILE) to the hard one, as a descriptor is what a connection
/// takes. The soft limit is low for the sake of select(2) alone, which nothing here calls; Go's
/// runtime and systemd's own services do the same.
pub(super) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it is refused, the old limit holds, and accepting copes with that.
    let _ = setrlimit(Resource::Nofile, raised);
}
