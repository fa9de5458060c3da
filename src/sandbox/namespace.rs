//! The user namespace of the process: which users and groups are mapped (user_namespaces(7)).
//!
//! The calls that change the user report only "invalid argument" or "not permitted".

use std::fs;

/// Why a user namespace keeps a process from becoming a user.
#[derive(Debug, thiserror::Error)]
pub(super) enum NamespaceError {
    #[error("{what} {number} is not mapped in this user namespace (/proc/self/{name})")]
    NotMapped {
        what: &'static str,
        number: u32,
        name: &'static str,
    },
    #[error("this user namespace does not allow dropping groups (/proc/self/setgroups)")]
    KeepsGroups,
}

/// Checks whether a process that may change its user can become this one. Without /proc, it is left to
/// the calls themselves.
pub(super) fn check(uid: u32, gid: u32) -> Result<(), NamespaceError> {
    let file = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
    for (what, number, name) in [("user", uid, "uid_map"), ("group", gid, "gid_map")] {
        if file(name).is_some_and(|map| !has(&map, number)) {
            return Err(NamespaceError::NotMapped { what, number, name });
        }
    }
    if file("setgroups").is_some_and(|setgroups| setgroups.trim() == "deny") {
        return Err(NamespaceError::KeepsGroups);
    }
    Ok(())
}

/// Whether a map has the number. Each line is a first number, the one it is mapped to, and a count.
fn has(map: &str, number: u32) -> bool {
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u64>);
        match (fields.next(), fields.next(), fields.next()) {
            (Some(Ok(first)), Some(Ok(_)), Some(Ok(count))) => {
                (first..first.saturating_add(count)).contains(&number.into())
            }
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_the_numbers_of_its_ranges() {
        let everybody = "         0          0 4294967295\n";
        assert!(has(everybody, 0) && has(everybody, 65_534) && has(everybody, u32::MAX - 1));
        let of_unshare = "         0       1000          1\n";
        assert!(has(of_unshare, 0) && !has(of_unshare, 1) && !has(of_unshare, 1000));
        let of_podman = "0 1000 1\n1 100000 65536\n";
        assert!(has(of_podman, 65_536) && !has(of_podman, 65_537));
        assert!(!has("", 0));
    }
}
