//! The file of a Unix socket: created with its mode, replaced when stale, removed when it is ours.
//!
//! Bound under a lock on the directory that is held until the socket listens, so that of two
//! servers that find the same stale file one wins and the other sees a live socket. Regular files,
//! symlinks and sockets with a listener are never touched.
//!
//! Other users may have write permission for the directory and can replace our file at any time. So
//! after bind(2) the file is never looked up by its path again: its mode and owner are changed
//! through a descriptor of the file that the socket is bound to.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::address::Address;
use crate::socket::Socket;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};

use super::bind_options::BindOptions;
use super::call::traced_zero;
use super::directory::Directory;
use super::sys;
use crate::endpoint::{Endpoint, Family, SocketType};
use crate::error::{Error, Operation, Result};

/// The default mode, less the umask: the owner and the group may connect.
const DEFAULT_MODE: u32 = 0o660;

/// How long a starting server waits for another one that is about to listen.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// Shorter, as it delays the shutdown.
const LOCK_TIMEOUT_AT_END: Duration = Duration::from_millis(100);

const FILE_REPLACED: &str = "another file has replaced the socket file; choose a directory that \
                           no other user may write to";

/// The socket file that we created. Dropping it removes the file, unless another one has replaced
/// it. That opens nothing, as a sandbox may forbid it by then.
#[derive(Debug)]
pub struct UnixFile {
    directory: Directory,
    name: OsString,
    /// Keeps the inode, else its number could be reused for another file.
    made: OwnedFd,
}

impl UnixFile {
    /// The directory of the file.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Changes the owner and group of the file.
    pub fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        self.check_is_ours()?;
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        let itself = AtFlags::EMPTY_PATH;
        rustix::fs::chownat(&self.made, "", Some(user), Some(group), itself)?;
        Ok(())
    }

    /// Sets the mode exactly, regardless of the umask.
    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.check_is_ours()?;
        let descriptor = self.made.as_raw_fd();
        let link = format!("/proc/self/fd/{descriptor}");
        let result = fs::set_permissions(&link, Permissions::from_mode(mode));
        match traced_zero(format_args!("chmod({link}, {mode:#05o})"), result) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        let call = format_args!("fchmodat2({descriptor}, \"\", {mode:#05o}, AT_EMPTY_PATH)");
        traced_zero(call, sys::set_mode(&self.made, mode)).map_err(|error| {
            match error.raw_os_error() {
                Some(libc::ENOSYS | libc::EPERM) => io::Error::other(
                    "its mode cannot be set, which takes /proc or Linux 6.6; mount /proc, or set \
                     the umask of this process instead",
                ),
                _ => error,
            }
        })
    }

    /// Refuses a file that our socket cannot have created.
    fn check_is_ours(&self) -> io::Result<()> {
        let made = rustix::fs::fstat(&self.made)?;
        let is_of_our_user = made.st_uid == rustix::process::geteuid().as_raw();
        if is_of_our_user && is_socket_with_one_name(&made) && self.is_in_place() {
            Ok(())
        } else {
            Err(io::Error::other(FILE_REPLACED))
        }
    }

    fn is_in_place(&self) -> bool {
        let found = stat_in(&self.directory, &self.name);
        let made = rustix::fs::fstat(&self.made);
        matches!((found, made), (Ok(found), Ok(made))
            if (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino))
    }
}

impl Drop for UnixFile {
    fn drop(&mut self) {
        let _lock = self.directory.lock(LOCK_TIMEOUT_AT_END);
        if self.is_in_place() {
            // An error does no harm: the next start finds a stale file and replaces it.
            let _ = rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty());
        }
    }
}

fn stat_in(directory: &Directory, name: &OsStr) -> rustix::io::Result<Stat> {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
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
    let configure = |source| Error::socket(Operation::Configure, endpoint, source);
    let path = Path::new(path);
    let directory = Directory::of(path).map_err(fail)?;
    let name = path.file_name().unwrap_or_default().to_owned();
    let lock = directory.lock(LOCK_TIMEOUT);
    remove_if_stale(&directory, &name, address, endpoint)?;

    // The mode of the socket's own inode, less the umask, becomes the mode of the file that bind
    // creates (unix_bind_bsd in net/unix/af_unix.c): the file never exists with a wider one.
    let mode = options.unix_mode.unwrap_or(DEFAULT_MODE);
    let as_file = File::from(OwnedFd::from(socket.0.try_clone().map_err(fail)?));
    traced_zero(
        format_args!("fchmod({}, {mode:#05o})", socket.as_raw_fd()),
        as_file.set_permissions(Permissions::from_mode(mode)),
    )
    .map_err(configure)?;
    socket.bind_and_listen(address, endpoint, options.backlog)?;
    let made = open_made(socket, &directory, &name).map_err(configure)?;
    drop(lock);

    let file = UnixFile {
        directory,
        name,
        made,
    };
    let mode_made = rustix::fs::fstat(&file.made).map(|made| made.st_mode & 0o7777);
    match options.unix_mode {
        // An explicit mode applies exactly, so undo the umask.
        Some(mode) if mode_made != Ok(mode) => file.set_mode(mode).map_err(configure)?,
        _ => {}
    }
    Ok(file)
}

/// The file that `socket` is bound to. The kernel knows it, but shows it only to those with
/// CAP_NET_ADMIN (unix_open_file in net/unix/af_unix.c); others find it by its name.
fn open_made(socket: &Socket, directory: &Directory, name: &OsStr) -> io::Result<OwnedFd> {
    sys::bound_file(socket).or_else(|_| {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = rustix::fs::openat(directory, name, flags, Mode::empty())?;
        if is_socket_with_one_name(&rustix::fs::fstat(&found)?) {
            Ok(found)
        } else {
            Err(io::Error::other(FILE_REPLACED))
        }
    })
}

/// True for a file that bind(2) has just created; false for a symlink or a hard link to another
/// socket.
fn is_socket_with_one_name(file: &Stat) -> bool {
    FileType::from_raw_mode(file.st_mode) == FileType::Socket && file.st_nlink == 1
}

fn remove_if_stale(
    directory: &Directory,
    name: &OsStr,
    address: &Address,
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
    let found = match stat_in(directory, name) {
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
    let visitor = Socket::create(Family::Unix, socket_type).map_err(fail)?;
    // Connecting to a listener with a full backlog must not block.
    visitor.set_nonblocking(true).map_err(fail)?;
    let attempt = visitor.0.connect(&address.0);
    match attempt.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(libc::ECONNREFUSED)) => {
            tracing::debug!("removing the stale socket file of {endpoint}");
            rustix::fs::unlinkat(directory, name, AtFlags::empty())
                .map_err(|error| fail(error.into()))
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
        let socket = Socket::create(Family::Unix, SocketType::Datagram).unwrap();
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
        fs::remove_file(&path).unwrap();
        // Many file systems give the number of the last inode that went to the next that comes.
        let others = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        drop(ours);
        assert!(path.exists());
        drop(others);
    }
}
