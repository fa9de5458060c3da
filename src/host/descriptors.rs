//! The limit of open descriptors, and their division between the service and HTTP.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit (RLIMIT_NOFILE) to the hard one, as each connection takes a descriptor. The
/// soft limit is low only for select(2), which nothing here calls; Go's runtime and systemd's own
/// services do the same.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where that is refused, the old limit stays, and accepting pauses when it is reached.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// How many HTTP connections may be open at once: an eighth of the descriptors, which is reserved for
/// them, and no more than are useful.
pub(crate) fn max_http_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    (limit / 8).clamp(4, 64) as usize
}
