//! The metrics of the process, under the names that Prometheus defines for them.

use crate::http::exposition::{Encoder, Family, Kind};
use crate::http::process::Process;

/// Writes what could be read.
pub(super) fn write(encoder: &mut Encoder, process: &Process) {
    let mut write = |name, kind, help, value: Option<f64>| {
        if let Some(value) = value {
            let family = Family { name, kind, help };
            encoder.family(&family);
            encoder.sample(&family, &[], value);
        }
    };
    // Exact up to 2^53.
    let whole = |number: Option<u64>| number.map(|number| number as f64);
    write(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the process started, in seconds since 1970.",
        process.start_seconds,
    );
    write(
        "process_cpu_seconds",
        Kind::Counter,
        "CPU time used, user and system.",
        process.cpu_seconds,
    );
    write(
        "process_resident_memory_bytes",
        Kind::Gauge,
        "Memory in use.",
        whole(process.resident_bytes),
    );
    write(
        "process_virtual_memory_bytes",
        Kind::Gauge,
        "Memory mapped; most of it is never touched.",
        whole(process.virtual_bytes),
    );
    write(
        "process_open_fds",
        Kind::Gauge,
        "Open descriptors.",
        whole(process.open_descriptors),
    );
    write(
        "process_max_fds",
        Kind::Gauge,
        "The limit of open descriptors.",
        whole(process.max_descriptors),
    )
}
