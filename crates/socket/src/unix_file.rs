//! The file of a Unix socket: created with its mode, replaced when stale, removed when it is ours.
//!
//! Bound under a lock on the directory that is held until the socket listens, so that of two
//! servers that find the same stale file one wins and the other sees a live socket. Regular files,
//! symlinks and sockets with a listener are never touched.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use crate::address::Address;
use crate::socket::Socket;
use rustix::fs::{FileType, Gid, Uid};

use super::bind_options::BindOptions;
use super::entry::Entry;
use super::made_file::MadeFile;
use crate::endpoint::{Endpoint, Family, Protocol, SocketType};
use crate::error::{Error, Operation, Result};

/// The default mode, less the umask: the owner and the group may connect.
const DEFAULT_MODE: u32 = 0o660;

/// How long a starting server waits for another one that is about to listen.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// Shorter, as it delays the shutdown.
const LOCK_TIMEOUT_AT_END: Duration = Duration::from_millis(100);

/// The socket file that we created. Dropping it removes the file, unless another one has replaced
/// it. That opens nothing, as a sandbox may forbid it by then.
#[derive(Debug)]
pub struct UnixFile {
    entry: Entry,
    made: MadeFile,
}

impl UnixFile {
    /// The directory of the file.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.entry.directory.as_fd()
    }

    /// Changes the owner and group of the file.
    pub(crate) fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        self.made.give_to(&self.entry, user, group)
    }
}

impl Drop for UnixFile {
    fn drop(&mut self) {
        let _lock = self.entry.directory.lock(LOCK_TIMEOUT_AT_END);
        remove_if_ours(&self.entry, &self.made);
    }
}

fn remove_if_ours(entry: &Entry, made: &MadeFile) {
    if entry.stat().is_ok_and(|found| made.is(&found)) {
        // An error does no harm: the next start finds a stale file and replaces it.
        let _ = entry.remove();
    }
}

/// Binds `socket` to `path` with its mode set before anyone can reach it, and makes it listen if
/// it is a stream socket.
pub(super) fn bind(
    socket: &Socket,
    address: &Address,
    path: &str,
    options: &BindOptions,
    endpoint: &Endpoint,
) -> Result<UnixFile> {
    let fail = |source| Error::socket(Operation::Bind, endpoint, source);
    let entry = Entry::of(Path::new(path)).map_err(fail)?;
    let lock = entry.directory.lock(LOCK_TIMEOUT);
    remove_if_stale(&entry, address, endpoint)?;
    let made = MadeFile::bind(socket, address, &entry, DEFAULT_MODE, options, endpoint)?;
    made.complete(socket, &entry, options, endpoint)
        .inspect_err(|_| remove_if_ours(&entry, &made))?;
    drop(lock);
    Ok(UnixFile { entry, made })
}

fn remove_if_stale(entry: &Entry, address: &Address, endpoint: &Endpoint) -> Result<()> {
    let refuse = |reason: &str| {
        Err(Error::Unsuitable {
            operation: Operation::Bind,
            endpoint: endpoint.clone(),
            reason: reason.to_owned(),
        })
    };
    let fail = |source| Error::socket(Operation::Bind, endpoint, source);
    let found = match entry.stat() {
        Ok(found) => FileType::from_raw_mode(found.st_mode),
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(error) => return Err(fail(error.into())),
    };
    match found {
        FileType::Socket => {}
        FileType::Symlink => {
            return refuse("a symbolic link is in the way; remove it, or choose another path");
        }
        _ => {
            return refuse(
                "a file that is not a socket is in the way; remove it, or choose another path",
            );
        }
    }
    let socket_type = endpoint.socket_type().unwrap_or(SocketType::Stream);
    let visitor = Socket::create(Family::Unix, socket_type, Protocol::Default).map_err(fail)?;
    // Connecting to a listener with a full backlog must not block.
    visitor.set_nonblocking(true).map_err(fail)?;
    let attempt = visitor.0.connect(&address.0);
    match attempt.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(libc::ECONNREFUSED)) => {
            tracing::debug!("removing the stale socket file of {endpoint}");
            entry.remove().map_err(|error| fail(error.into()))
        }
        Err(Some(libc::EACCES | libc::EPERM)) => refuse(
            "a socket file exists, and we may not check whether it is in use; remove it, or choose \
             another path",
        ),
        _ => Err(fail(io::Error::from_raw_os_error(libc::EADDRINUSE))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::UnixName;

    #[test]
    fn a_file_that_replaced_ours_stays_even_when_the_socket_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let endpoint = Endpoint::Unix {
            socket_type: SocketType::Datagram,
            name: UnixName::Path(path.to_str().unwrap().to_owned()),
        };
        let socket = Socket::create(Family::Unix, SocketType::Datagram, Protocol::Default).unwrap();
        let address = Address::of(&endpoint).unwrap();
        let options = BindOptions::default();
        let ours = bind(
            &socket,
            &address,
            path.to_str().unwrap(),
            &options,
            &endpoint,
        );
        let ours = ours.unwrap();
        drop(socket);
        std::fs::remove_file(&path).unwrap();
        // Many file systems reuse the number of the last removed inode for the next new one.
        let others = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        drop(ours);
        assert!(path.exists());
        drop(others);
    }
}
