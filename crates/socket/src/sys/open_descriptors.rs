//! How many descriptors this process has open.

use std::io;

/// The descriptors that are looked at. The kernel gives the lowest free number (open(2)), so few
/// processes have any beyond.
const MAX_NUMBER: usize = 4096;

/// How many descriptors with numbers below `limit` are open; `limit` is that of the process.
pub fn open_descriptors(limit: usize) -> io::Result<usize> {
    let numbers = 0..limit.min(MAX_NUMBER) as i32;
    let entry = |fd| libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    };
    let mut entries: Vec<libc::pollfd> = numbers.map(entry).collect();
    // SAFETY: the pointer and length are those of a vector that we own; numbers that are not open
    // are reported as such.
    let result = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as _, 0) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let is_open = |entry: &&libc::pollfd| entry.revents & libc::POLLNVAL == 0;
    Ok(entries.iter().filter(is_open).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_and_output_are_among_them() {
        assert!(open_descriptors(100).unwrap() >= 3);
        assert!(open_descriptors(2).unwrap() <= 2);
    }
}
