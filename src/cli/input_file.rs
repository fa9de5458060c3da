//! The files that flags name: fillers and baselines.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::failure::Failure;
use bullhorn_socket::endpoint::MAX_LINE;

/// Reads a whole file up to a limit, as it may be a device or a pipe without an end.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        if file.take(MAX_LINE as u64 + 1).read_to_end(&mut bytes)? > MAX_LINE {
            let problem = format!("it has more than {MAX_LINE} bytes (256 MiB)");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
        }
        Ok(bytes)
    };
    read().map_err(Failure::file("read", path))
}
