//! What the kernel reports about this process.
//!
//! The files are opened once: a process that has given up opening files may still read these.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::param::{clock_ticks_per_second, page_size};

/// The state of the process; `None` is what could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    /// The start, in seconds since 1970.
    pub(super) start_seconds: Option<f64>,
    /// Processor time used, in seconds.
    pub(super) cpu_seconds: Option<f64>,
    /// Memory in use.
    pub(super) resident_bytes: Option<u64>,
    /// Memory mapped.
    pub(super) virtual_bytes: Option<u64>,
    /// Open descriptors.
    pub(super) open_descriptors: Option<u64>,
    /// The limit of open descriptors.
    pub(super) max_descriptors: Option<u64>,
}

/// Files of /proc/self (proc(5)), absent where they cannot be opened.
pub(super) struct ProcessFiles {
    start_seconds: Option<f64>,
    stat: Option<File>,
    limits: Option<File>,
    descriptors: Option<File>,
    page_size: usize,
    ticks_per_second: u64,
}

impl ProcessFiles {
    /// Call this as the process starts: the time of the call is reported as its start.
    pub(super) fn open() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            start_seconds: now.ok().map(|time| time.as_secs_f64()),
            stat: File::open("/proc/self/stat").ok(),
            limits: File::open("/proc/self/limits").ok(),
            descriptors: File::open("/proc/self/fd").ok(),
            page_size: page_size(),
            ticks_per_second: clock_ticks_per_second(),
        }
    }

    /// The current state, as far as it can be read.
    pub(super) fn read(&self) -> Process {
        let stat = self.stat.as_ref().and_then(|file| text_of(file).ok());
        let limits = self.limits.as_ref().and_then(|file| text_of(file).ok());
        let mut process = Process {
            start_seconds: self.start_seconds,
            max_descriptors: limits.as_deref().and_then(max_descriptors),
            open_descriptors: self.open_descriptors(),
            ..Process::default()
        };
        if let Some([user, system, virtual_bytes, resident_pages]) =
            stat.as_deref().and_then(stat_fields)
        {
            process.cpu_seconds = Some((user + system) as f64 / self.ticks_per_second as f64);
            process.virtual_bytes = Some(virtual_bytes);
            process.resident_bytes = Some(resident_pages * self.page_size as u64);
        }
        process
    }

    /// The size of the directory is the number since Linux 6.2, and zero before.
    fn open_descriptors(&self) -> Option<u64> {
        // std calls statx(2), which takes any path and is therefore refused by the sandbox.
        let status = rustix::fs::fstat(self.descriptors.as_ref()?).ok()?;
        u64::try_from(status.st_size)
            .ok()
            .filter(|number| *number > 0)
    }
}

fn text_of(file: &File) -> io::Result<String> {
    let mut buffer = [0; 4096];
    let length = file.read_at(&mut buffer, 0)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// utime, stime, vsize and rss: fields 14, 15, 23 and 24 (proc_pid_stat(5)).
fn stat_fields(stat: &str) -> Option<[u64; 4]> {
    // The second field is a name in brackets, and may contain anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse().ok();
    Some([field(14)?, field(15)?, field(23)?, field(24)?])
}

/// The soft limit; `None` if it is unlimited.
fn max_descriptors(limits: &str) -> Option<u64> {
    let mut lines = limits.lines();
    let values = lines.find_map(|line| line.strip_prefix("Max open files"))?;
    values.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 4 0 1000 8192 3 18446744073709551615 1";
        assert_eq!(stat_fields(stat), Some([7, 5, 8192, 3]));
        assert_eq!(stat_fields("42 (a) S 1"), None);
        assert_eq!(stat_fields(""), None);
    }

    #[test]
    fn the_soft_limit_is_the_first_number() {
        let limits = "Limit   Soft Limit  Hard Limit  Units\n\
            Max processes             128335               128335               processes\n\
            Max open files            1024                 524288               files\n";
        assert_eq!(max_descriptors(limits), Some(1024));
        assert_eq!(
            max_descriptors("Max open files            unlimited            unlimited   files"),
            None
        );
        assert_eq!(max_descriptors(""), None);
    }

    #[test]
    fn this_process_can_be_read() {
        let process = ProcessFiles::open().read();
        assert!(process.start_seconds.unwrap() > 1.7e9, "{process:?}");
        assert!(process.cpu_seconds.is_some(), "{process:?}");
        assert!(process.resident_bytes.unwrap() > 1 << 16, "{process:?}");
        assert!(
            process.virtual_bytes >= process.resident_bytes,
            "{process:?}"
        );
        assert!(process.max_descriptors.unwrap() >= 4, "{process:?}");
        if let Some(open) = process.open_descriptors {
            assert!(open >= 4, "{process:?}");
        }
    }
}
