//! The file that binding a Unix socket has made, held open (O_PATH).
//!
//! Other users may have write permission for the directory and can replace our file at any time. So
//! after bind(2) the file is never looked up by its path again: its mode and owner are changed
//! through a descriptor of the file that the socket is bound to.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Stat, Uid};

use super::address::Address;
use super::bind_options::BindOptions;
use super::call::traced_zero;
use super::entry::{Entry, file_replaced, is_socket_with_one_name};
use super::socket::Socket;
use super::sys;
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};

/// Keeps the inode, as its number could otherwise be reused for another file.
#[derive(Debug)]
pub(super) struct MadeFile(OwnedFd);

impl MadeFile {
    /// Binds `socket` to its file with the mode set before anyone can reach it, and makes it listen
    /// if it is a stream socket. The mode is that of the options or `default_mode`, less the umask.
    pub(super) fn bind(
        socket: &Socket,
        address: &Address,
        entry: &Entry,
        default_mode: u32,
        options: &BindOptions,
        endpoint: &Endpoint,
    ) -> Result<Self> {
        let configure = |source| Error::socket(Operation::Configure, endpoint, source);
        // The mode of the socket's own inode, less the umask, becomes the mode of the file that bind
        // creates (unix_bind_bsd in net/unix/af_unix.c): the file never exists with a wider one.
        let mode = options.unix_mode.unwrap_or(default_mode);
        let copy = socket.0.try_clone();
        let as_file =
            File::from(OwnedFd::from(copy.map_err(|source| {
                Error::socket(Operation::Bind, endpoint, source)
            })?));
        traced_zero(
            format_args!("fchmod({}, {mode:#05o})", socket.as_raw_fd()),
            as_file.set_permissions(Permissions::from_mode(mode)),
        )
        .map_err(configure)?;
        socket.bind_and_listen(address, endpoint, options.backlog)?;
        Self::open(socket, entry).map_err(configure)
    }

    /// Undoes the umask where the options have a mode, which applies exactly.
    pub(super) fn complete(
        &self,
        _: &Socket,
        entry: &Entry,
        options: &BindOptions,
        endpoint: &Endpoint,
    ) -> Result<()> {
        let mode_made = rustix::fs::fstat(&self.0).map(|made| made.st_mode & 0o7777);
        match options.unix_mode {
            Some(mode) if mode_made != Ok(mode) => self
                .set_mode(entry, mode)
                .map_err(|source| Error::socket(Operation::Configure, endpoint, source)),
            _ => Ok(()),
        }
    }

    /// The file that `socket` is bound to. The kernel knows it, but shows it only to those with
    /// CAP_NET_ADMIN (unix_open_file in net/unix/af_unix.c); others find it by its name.
    fn open(socket: &Socket, entry: &Entry) -> io::Result<Self> {
        let file = sys::bound_file(socket).or_else(|_| {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let found = rustix::fs::openat(&entry.directory, &entry.name, flags, Mode::empty())?;
            if is_socket_with_one_name(&rustix::fs::fstat(&found)?) {
                Ok(found)
            } else {
                Err(file_replaced())
            }
        });
        file.map(Self)
    }

    /// Changes the owner and group.
    pub(super) fn give_to(&self, entry: &Entry, user: Uid, group: Gid) -> io::Result<()> {
        entry.check(|found| self.is(found))?;
        let itself = AtFlags::EMPTY_PATH;
        rustix::fs::chownat(&self.0, "", Some(user), Some(group), itself)?;
        Ok(())
    }

    /// Sets the mode exactly, regardless of the umask.
    fn set_mode(&self, entry: &Entry, mode: u32) -> io::Result<()> {
        entry.check(|found| self.is(found))?;
        let descriptor = self.0.as_raw_fd();
        let link = format!("/proc/self/fd/{descriptor}");
        let result = fs::set_permissions(&link, Permissions::from_mode(mode));
        match traced_zero(format_args!("chmod({link}, {mode:#05o})"), result) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        let call = format_args!("fchmodat2({descriptor}, \"\", {mode:#05o}, AT_EMPTY_PATH)");
        traced_zero(call, sys::set_mode(&self.0, mode)).map_err(|error| {
            match error.raw_os_error() {
                Some(libc::ENOSYS | libc::EPERM) => io::Error::other(
                    "its mode cannot be set, which takes /proc or Linux 6.6; mount /proc, or set \
                     the umask of this process instead",
                ),
                _ => error,
            }
        })
    }

    /// Whether `found` is this file.
    pub(super) fn is(&self, found: &Stat) -> bool {
        rustix::fs::fstat(&self.0)
            .is_ok_and(|made| (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino))
    }
}
