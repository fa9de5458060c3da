//! A file as the name of a client's Unix datagram socket.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{SockAddr, Socket};

/// Any server may answer: sending takes the right to write to the file (unix(4), unix(7)).
const MODE: u32 = 0o666;

/// The file of a socket. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct NameFile(PathBuf);

impl NameFile {
    /// Binds to a new file whose path begins with `prefix`.
    pub(super) fn bind(socket: &Socket, prefix: &str) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = PathBuf::from(format!("{prefix}-{process}-{number}.sock"));
            match socket.bind(&SockAddr::unix(&path)?) {
                // Left by another process of that number.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                result => {
                    result?;
                    let name = Self(path);
                    fs::set_permissions(&name.0, Permissions::from_mode(MODE))?;
                    return Ok(name);
                }
            }
        }
    }
}

impl Drop for NameFile {
    fn drop(&mut self) {
        // An error does no harm: the file is only a name that nothing listens to.
        let _ = fs::remove_file(&self.0);
    }
}
