//! The metrics of the process, by the names that Prometheus has for them. Nothing
//! is read here.

use std::io;

use crate::report::openmetrics::{Encoder, Family, Kind};

/// What is known of the process itself; `None` is what could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Process {
    /// When it started, in seconds since 1970.
    pub(crate) start_seconds: Option<f64>,
    /// What it has had of the processors, in seconds.
    pub(crate) cpu_seconds: Option<f64>,
    /// Memory that is in use.
    pub(crate) resident_bytes: Option<u64>,
    /// Memory that is mapped.
    pub(crate) virtual_bytes: Option<u64>,
    /// Open descriptors.
    pub(crate) open_descriptors: Option<u64>,
    /// The most descriptors that may be open.
    pub(crate) max_descriptors: Option<u64>,
}

/// Writes what could be read.
pub(super) fn write(encoder: &mut Encoder<'_>, process: &Process) -> io::Result<()> {
    let mut write = |name, kind, help, value: Option<f64>| {
        let Some(value) = value else {
            return Ok(());
        };
        let family = Family { name, kind, help };
        encoder.family(&family)?;
        encoder.sample(&family, &[], value)
    };
    // Exact up to 2^53.
    let whole = |number: Option<u64>| number.map(|number| number as f64);
    write(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the process started, in seconds since 1970.",
        process.start_seconds,
    )?;
    write(
        "process_cpu_seconds",
        Kind::Counter,
        "Processor time used, by the process and for it by the kernel.",
        process.cpu_seconds,
    )?;
    write(
        "process_resident_memory_bytes",
        Kind::Gauge,
        "Memory in use.",
        whole(process.resident_bytes),
    )?;
    write(
        "process_virtual_memory_bytes",
        Kind::Gauge,
        "Memory mapped; most of it is never touched.",
        whole(process.virtual_bytes),
    )?;
    write(
        "process_open_fds",
        Kind::Gauge,
        "Open descriptors.",
        whole(process.open_descriptors),
    )?;
    write(
        "process_max_fds",
        Kind::Gauge,
        "The most descriptors that may be open.",
        whole(process.max_descriptors),
    )
}
