//! The Unix sockets of this network namespace, as the kernel lists them.

use std::fs;
use std::path::Path;

use crate::endpoint::{Endpoint, SocketType, UnixName};

/// Whether the server of a Unix datagram endpoint may be in another network namespace, where the
/// abstract name of a client means nothing (network_namespaces(7)): its socket has a file, and no
/// socket with that path is in the list of this namespace (proc_net(5)). A server that bound another
/// path to the same directory is in doubt too.
pub fn may_be_in_another_network(endpoint: &Endpoint) -> bool {
    let Endpoint::Unix {
        socket_type: SocketType::Datagram,
        name: UnixName::Path(path),
    } = endpoint
    else {
        return false;
    };
    let Ok(list) = fs::read_to_string("/proc/net/unix") else {
        return false;
    };
    let path = Path::new(path);
    let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_listed = |listed: &Path| {
        listed == path
            || listed == canonical
            || listed.is_relative() && listed.file_name() == path.file_name()
    };
    let mut listed = list.lines().filter_map(path_in);
    !listed.any(|listed| is_listed(Path::new(listed)))
}

/// The path in `Num RefCount Protocol Flags Type St Inode Path`, if there is one.
fn path_in(line: &str) -> Option<&str> {
    (0..7).try_fold(line, |rest, _| Some(rest.trim_start().split_once(' ')?.1))
}
