//! What the path reported, as every verb's JSON has it.

use serde_json::{Value, json};

use bullhorn_socket::{PathCause, PathError, Reporter};

/// An object; its numbers are those of the ICMP message.
pub(super) fn path_error_json(error: &PathError) -> Value {
    let (protocol, kind, code) = match error.cause {
        PathCause::Icmp { kind, code } => (Some("icmp"), Some(kind), Some(code)),
        PathCause::Icmp6 { kind, code } => (Some("icmpv6"), Some(kind), Some(code)),
        _ => (None, None, None),
    };
    json!({
        "outcome": error.outcome().name(),
        "reporter": match error.reporter {
            Reporter::Target => "target",
            Reporter::Router => "router",
            Reporter::Ourselves => "ourselves",
        },
        "sender": error.sender.map(|sender| sender.to_string()),
        "protocol": protocol,
        "type": kind,
        "code": code,
        "mtu": error.mtu,
        "description": error.to_string(),
    })
}

/// As [`path_error_json`], with how many requests it was about.
pub(super) fn counted_path_error_json(error: &PathError, count: u64) -> Value {
    let mut object = path_error_json(error);
    object["count"] = count.into();
    object
}
