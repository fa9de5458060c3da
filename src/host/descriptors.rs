//! The most descriptors that this process may have, and what they are kept for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit (RLIMIT_NOFILE) to the hard one, as a descriptor is what a connection
/// takes. The soft limit is low for the sake of select(2) alone, which nothing here calls; Go's
/// runtime and systemd's own services do the same.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it is refused, the old limit holds, and accepting copes with that.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// How many HTTP connections may be open at once: an eighth of the descriptors, which are kept for
/// them, and never more than are of use.
pub(crate) fn max_http_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    (limit / 8).clamp(4, 64) as usize
}
