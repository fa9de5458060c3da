//! The file of a Unix socket: made with its mode, re-used when stale, removed when it is ours.
//!
//! Bound under a lock on the directory that is held until the socket listens, so that of two
//! servers that find the same stale file one wins and the other sees a live socket. A file that is no socket, a symlink, and a socket that
//! somebody listens on are never touched.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Gid, Uid};
use socket2::{SockAddr, Socket};

use super::bind::{bind_and_listen, create};
use super::bound::BindOptions;
use super::call::traced_zero;
use crate::endpoint::{Endpoint, Family, SocketType};
use crate::error::{Error, Operation, Result};

/// The mode without an explicit wish, less the umask: the owner and the group may connect.
const DEFAULT_MODE: u32 = 0o660;

/// The socket file that we made. Dropping it removes the file, if it is still the one we made.
/// Nothing is opened for that: by then it may be forbidden.
#[derive(Debug)]
pub(crate) struct UnixFile {
    directory: File,
    name: OsString,
    /// Keeps the inode, else its number could come back as somebody else's file.
    made: File,
}

impl UnixFile {
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Makes the file another user's and group's.
    pub(crate) fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        let itself = AtFlags::EMPTY_PATH;
        rustix::fs::chownat(&self.made, "", Some(user), Some(group), itself)?;
        Ok(())
    }
}

impl Drop for UnixFile {
    fn drop(&mut self) {
        let _ = lock(&self.directory);
        let found = rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        if let (Ok(found), Ok(made)) = (found, rustix::fs::fstat(&self.made))
            && (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino)
        {
            // Nobody is left to be told: the next start finds a stale file, and re-uses it.
            let _ = rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty());
        }
    }
}

/// Binds `socket` to `path` with its mode set before anyone can reach it, and makes it listen if
/// it is a stream socket.
pub(super) fn bind(
    socket: &Socket,
    address: &SockAddr,
    path: &str,
    options: &BindOptions,
    endpoint: &Endpoint,
) -> Result<UnixFile> {
    let fail = |source| Error::socket(Operation::Bind, endpoint, source);
    let socket_type = endpoint.socket_type().unwrap_or(SocketType::Stream);
    let path = PathBuf::from(path);
    let directory = open_directory(&path).map_err(fail)?;
    lock(&directory).map_err(fail)?;
    remove_if_stale(&path, address, socket_type, endpoint)?;

    // The mode of the socket's own inode, less the umask, becomes the mode of the file that bind
    // makes (unix_bind_bsd in net/unix/af_unix.c): the file is never there with a wider one.
    let wanted = options.unix_mode.unwrap_or(DEFAULT_MODE);
    let as_file = File::from(std::os::fd::OwnedFd::from(
        socket.try_clone().map_err(fail)?,
    ));
    traced_zero(
        format_args!("fchmod({}, {wanted:#05o})", socket.as_raw_fd()),
        as_file.set_permissions(Permissions::from_mode(wanted)),
    )
    .map_err(fail)?;
    bind_and_listen(socket, address, endpoint, options.backlog)?;

    let made = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
        .open(&path)
        .map_err(fail)?;
    let mode_made = made.metadata().map_err(fail)?.mode() & 0o7777;
    let through_descriptor = format!("/proc/self/fd/{}", made.as_raw_fd());
    let file = UnixFile {
        directory,
        name: path.file_name().unwrap_or_default().to_owned(),
        made,
    };
    let permitted = match options.unix_mode {
        // An explicit mode is meant exactly, so what the umask took is given back.
        Some(mode) if mode != mode_made => {
            fs::set_permissions(through_descriptor, Permissions::from_mode(mode))
        }
        _ => Ok(()),
    };
    // The file takes the lock itself when it is dropped.
    let unlocked = file.directory.unlock();
    unlocked.and(permitted).map_err(fail)?;
    Ok(file)
}

fn remove_if_stale(
    path: &Path,
    address: &SockAddr,
    socket_type: SocketType,
    endpoint: &Endpoint,
) -> Result<()> {
    let refuse = |reason: &str| {
        Err(Error::Unsuitable {
            operation: Operation::Bind,
            endpoint: endpoint.clone(),
            reason: reason.to_owned(),
        })
    };
    let fail = |source| Error::socket(Operation::Bind, endpoint, source);
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    if found.is_symlink() {
        return refuse("a symbolic link is in the way; remove it, or choose another path");
    }
    if !found.file_type().is_socket() {
        return refuse("a file that is no socket is in the way; remove it, or choose another path");
    }
    let visitor = create(Family::Unix, socket_type).map_err(fail)?;
    // A listener whose backlog is full must not keep us waiting.
    visitor.set_nonblocking(true).map_err(fail)?;
    let attempt = visitor.connect(address);
    match attempt.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(libc::ECONNREFUSED)) => {
            tracing::debug!("removing the stale socket file {}", path.display());
            fs::remove_file(path).map_err(fail)
        }
        Err(Some(libc::EACCES | libc::EPERM)) => refuse(
            "a socket file is in the way that may not be asked whether it is alive; remove it",
        ),
        _ => Err(fail(io::Error::from_raw_os_error(libc::EADDRINUSE))),
    }
}

fn open_directory(path: &Path) -> io::Result<File> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent),
        _ => File::open("."),
    }
}

/// Takes the directory's lock (flock(2)). It is advisory and short, so one that stays taken is an
/// error rather than a wait without end.
fn lock(directory: &File) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let begin = Instant::now();
    loop {
        match directory.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if begin.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(io::Error::other(
                    "another process holds the lock of the directory; try again",
                ));
            }
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::UnixName;
    use crate::socket::address::to_sockaddr;

    #[test]
    fn a_file_that_took_the_place_of_ours_stays_even_when_the_socket_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let endpoint = Endpoint::Unix {
            socket_type: SocketType::Datagram,
            name: UnixName::Path(path.to_str().unwrap().to_owned()),
        };
        let socket = create(Family::Unix, SocketType::Datagram).unwrap();
        let address = to_sockaddr(&endpoint).unwrap();
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
        fs::remove_file(&path).unwrap();
        // Many file systems give the number of the last inode that went to the next that comes.
        let others = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        drop(ours);
        assert!(path.exists());
        drop(others);
    }
}
