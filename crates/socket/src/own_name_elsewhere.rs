//! The name of a client's Unix datagram socket, without which no answer could reach it: a file, as
//! only Linux chooses a name itself (bind(2), unix(4)).

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{SockAddr, Socket};

/// Any server may answer: sending takes the right to write to the file (unix(4)).
const MODE: u32 = 0o666;

/// The file of a socket, if it has one. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct OwnName(Option<PathBuf>);

impl OwnName {
    /// That of every other socket.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// Binds to a new file in /tmp, where every server can reach it.
    pub(super) fn bind(socket: &Socket) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = PathBuf::from(format!("/tmp/bullhorn-{process}-{number}.sock"));
            match socket.bind(&SockAddr::unix(&path)?) {
                // Left by another process of that number.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                result => {
                    result?;
                    let name = Self(Some(path.clone()));
                    fs::set_permissions(path, Permissions::from_mode(MODE))?;
                    return Ok(name);
                }
            }
        }
    }
}

impl Drop for OwnName {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // An error does no harm: the file is only a name that nothing listens to.
            let _ = fs::remove_file(path);
        }
    }
}
