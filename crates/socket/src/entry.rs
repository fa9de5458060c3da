//! A name in a directory, and the file that it leads to by now.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Stat};

use super::directory::Directory;

const FILE_REPLACED: &str = "another file has replaced the socket file; choose a directory that \
                           no other user may write to";

/// A name in an open directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) directory: Directory,
    pub(super) name: OsString,
}

impl Entry {
    /// The last name of `path`; the file itself need not exist.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            directory: Directory::of(path)?,
            name: path.file_name().unwrap_or_default().to_owned(),
        })
    }

    /// The file, or the link, that has the name.
    pub(super) fn stat(&self) -> rustix::io::Result<Stat> {
        rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Removes the name.
    pub(super) fn remove(&self) -> rustix::io::Result<()> {
        rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty())
    }

    /// Refuses a file that our socket cannot have created, or that `is_ours` does not know.
    pub(super) fn check(&self, is_ours: impl FnOnce(&Stat) -> bool) -> io::Result<()> {
        let found = self.stat()?;
        let is_of_our_user = found.st_uid == rustix::process::geteuid().as_raw();
        if is_of_our_user && is_socket_with_one_name(&found) && is_ours(&found) {
            Ok(())
        } else {
            Err(file_replaced())
        }
    }
}

/// True for a file that bind(2) has just created; false for a symlink or a hard link to another
/// socket.
pub(super) fn is_socket_with_one_name(file: &Stat) -> bool {
    FileType::from_raw_mode(file.st_mode) == FileType::Socket && file.st_nlink == 1
}

/// The name leads to another file by now.
pub(super) fn file_replaced() -> io::Error {
    io::Error::other(FILE_REPLACED)
}
