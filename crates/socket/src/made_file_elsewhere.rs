//! The file that binding a Unix socket has made, known by its number and the time of its birth.
//!
//! Elsewhere than on Linux no descriptor leads to it, and no call sets its mode before it exists.
//! So the mode is set by name, in a directory that is held open, between bind(2) and listen(2): until
//! then connecting fails (ECONNREFUSED; connect(2)). Another user with write permission for the
//! directory can exchange the file in between.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{AtFlags, Gid, Mode, RawMode, Stat, Uid};

use super::address::Address;
use super::bind_options::BindOptions;
use super::call::traced_zero;
use super::entry::{Entry, file_replaced, is_socket_with_one_name};
use super::socket::Socket;
use crate::endpoint::{Endpoint, SocketType};
use crate::error::{Error, Operation, Result};

/// The file as it was made. Its number alone could be reused for another file.
#[derive(Debug)]
pub(super) struct MadeFile {
    file: Stat,
    default_mode: u32,
}

impl MadeFile {
    /// Binds `socket` to its file. It has the mode that bind(2) gives it, all rights less the umask.
    pub(super) fn bind(
        socket: &Socket,
        address: &Address,
        entry: &Entry,
        default_mode: u32,
        _: &BindOptions,
        endpoint: &Endpoint,
    ) -> Result<Self> {
        socket
            .bind(address, endpoint)
            .map_err(|source| Error::socket(Operation::Bind, endpoint, source))?;
        let configure = |source| Error::socket(Operation::Configure, endpoint, source);
        let file = entry.stat().map_err(|error| configure(error.into()))?;
        if !is_socket_with_one_name(&file) {
            return Err(configure(file_replaced()));
        }
        Ok(Self { file, default_mode })
    }

    /// Sets the mode of the options exactly, or the default mode less the umask, before anyone can
    /// connect; then a stream socket listens.
    pub(super) fn complete(
        &self,
        socket: &Socket,
        entry: &Entry,
        options: &BindOptions,
        endpoint: &Endpoint,
    ) -> Result<()> {
        let fail = |operation| move |source| Error::socket(operation, endpoint, source);
        let less_umask = u32::from(self.file.st_mode) & self.default_mode;
        self.set_mode(entry, options.unix_mode.unwrap_or(less_umask))
            .map_err(fail(Operation::Configure))?;
        match endpoint.socket_type() {
            Some(SocketType::Stream | SocketType::SeqPacket) => socket
                .listen(options.backlog)
                .map_err(fail(Operation::Listen)),
            _ => Ok(()),
        }
    }

    /// Changes the owner and group.
    pub(super) fn give_to(&self, entry: &Entry, user: Uid, group: Gid) -> io::Result<()> {
        entry.check(|found| self.is(found))?;
        let itself = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(
            &entry.directory,
            &entry.name,
            Some(user),
            Some(group),
            itself,
        )?;
        Ok(())
    }

    fn set_mode(&self, entry: &Entry, mode: u32) -> io::Result<()> {
        let (directory, name) = (&entry.directory, &entry.name);
        let as_mode = Mode::from_raw_mode(mode as RawMode);
        let result = rustix::fs::chmodat(directory, name, as_mode, AtFlags::SYMLINK_NOFOLLOW);
        traced_zero(
            format_args!(
                "fchmodat({}, {}, {mode:#05o}, AT_SYMLINK_NOFOLLOW)",
                directory.as_fd().as_raw_fd(),
                name.display()
            ),
            result.map_err(io::Error::from),
        )
    }

    /// Whether `found` is this file.
    pub(super) fn is(&self, found: &Stat) -> bool {
        let identity = |file: &Stat| {
            let born = (file.st_birthtime, file.st_birthtime_nsec);
            (file.st_dev, file.st_ino, born)
        };
        identity(found) == identity(&self.file)
    }
}
