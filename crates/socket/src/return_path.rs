//! Where an answer to a Unix datagram may go.
//!
//! The name that a datagram comes with is merely the path that its sender once bound: by now it may
//! lead to a symbolic link or another user's socket, and a server that sends there acts with its
//! own privileges on that user's behalf. So the path is opened without following a link (O_PATH),
//! what it leads to must be a socket that the sender owns (SCM_CREDENTIALS), and the answer goes to
//! exactly that inode, through /proc, even if the path changes meanwhile. Directories on the way
//! may be links, as only the owner of what is at the end counts.
//!
//! An abstract name has no file and no owner. It cannot lead elsewhere, but once its socket is
//! closed, any process may bind it.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::LazyLock;

use crate::address::Address;
use crate::socket::Socket;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};

use super::batch::Run;
use super::call::traced_zero;
use super::control_message::Sender;

/// Why a datagram is not answered to the path that it came from.
#[derive(Debug, thiserror::Error)]
#[error("the path is not its sender's socket: {0}")]
pub struct NotSendersSocket(&'static str);

impl NotSendersSocket {
    fn because(reason: &'static str) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, Self(reason))
    }
}

/// Asks the kernel for the sender of each datagram. Call it before the socket is bound, because the
/// senders of datagrams received earlier stay unknown, and before a sandbox forbids reading files.
pub(super) fn ask_for_sender(socket: &Socket) -> io::Result<()> {
    LazyLock::force(&UNKNOWN_USER);
    let descriptor = socket.as_raw_fd();
    traced_zero(
        format_args!("setsockopt({descriptor}, SOL_SOCKET, SO_PASSCRED, 1)"),
        socket.0.set_passcred(true),
    )
}

/// The number of every user that is not mapped in this user namespace (user_namespaces(7)): two
/// that have it may be two different users.
static UNKNOWN_USER: LazyLock<UnknownUser> = LazyLock::new(|| {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let ranges = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2));
    let mapped: u64 = ranges.filter_map(|length| length.parse::<u64>().ok()).sum();
    let number = fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
    UnknownUser {
        number: number
            .and_then(|number| number.trim().parse().ok())
            .unwrap_or(65_534),
        is_somebody: mapped == u64::from(u32::MAX),
    }
});

struct UnknownUser {
    number: u32,
    /// Every user has a number here, so this number belongs to a real user too (`nobody`).
    is_somebody: bool,
}

/// The user who sent a datagram, if known.
fn user_of(sender: Option<Sender>) -> Option<u32> {
    let sender = sender?;
    // Datagrams from before SO_PASSCRED have no process either.
    let is_known =
        sender.user_id != UNKNOWN_USER.number || UNKNOWN_USER.is_somebody && sender.process_id != 0;
    is_known.then_some(sender.user_id)
}

/// The return paths of one batch, open while it is sent.
///
/// Not kept for the next batch: a client may have rebound its path, and an open file keeps a file
/// system from being unmounted.
#[derive(Debug, Default)]
pub(super) struct ReturnPaths {
    /// The directory of this process's descriptors, if /proc is there.
    descriptors: Option<String>,
    opened: Vec<Opened>,
}

#[derive(Debug)]
struct Opened {
    peer: Address,
    sender: Option<Sender>,
    /// The socket, kept open, and its address.
    result: io::Result<(OwnedFd, Address)>,
}

impl ReturnPaths {
    /// For a socket that is a Unix socket, or has nothing to open.
    pub(super) fn new(is_unix: bool) -> Self {
        Self {
            descriptors: is_unix.then(descriptors_directory).flatten(),
            opened: Vec::new(),
        }
    }

    /// Opens the path that `run` came from, if it came from one and it is not open yet.
    pub(super) fn open(&mut self, run: &Run) {
        if path_of(&run.peer).is_some() && self.find(run).is_none() {
            self.opened.push(Opened {
                peer: run.peer.clone(),
                sender: run.sender,
                result: self.open_path(run),
            });
        }
    }

    /// Where the answer to `run` goes, after [`open`](Self::open).
    pub(super) fn address<'a>(&'a self, run: &'a Run) -> io::Result<&'a Address> {
        if path_of(&run.peer).is_none() {
            return Ok(&run.peer);
        }
        match self.find(run).map(|opened| &opened.result) {
            Some(Ok((_, address))) => Ok(address),
            Some(Err(error)) => Err(copy(error)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Closes everything.
    pub(super) fn clear(&mut self) {
        self.opened.clear();
    }

    fn find(&self, run: &Run) -> Option<&Opened> {
        let mut latest_first = self.opened.iter().rev();
        latest_first.find(|opened| opened.peer == run.peer && opened.sender == run.sender)
    }

    fn open_path(&self, run: &Run) -> io::Result<(OwnedFd, Address)> {
        let refuse = |reason| Err(NotSendersSocket::because(reason));
        let (Some(directory), Some(path)) = (&self.descriptors, path_of(&run.peer)) else {
            return refuse("it cannot be checked without /proc");
        };
        let Some(user) = user_of(run.sender) else {
            return refuse("its sender is not known here");
        };
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let socket = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        let found = rustix::fs::fstat(&socket)?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Socket if found.st_uid == user => {}
            FileType::Socket => return refuse("it is another user's"),
            FileType::Symlink => return refuse("it is a symbolic link"),
            _ => return refuse("it is another file"),
        }
        let address = Address::unix(format!("{directory}{}", socket.as_raw_fd()))?;
        Ok((socket, address))
    }
}

fn path_of(address: &Address) -> Option<&[u8]> {
    address.unix_name().filter(|name| name[0] != 0)
}

/// Where the kernel shows this process's descriptors. By number the way there is shorter than by
/// /proc/self, if the number is that of the same process there: /proc may show other processes
/// than ours.
fn descriptors_directory() -> Option<String> {
    let open = |path: &str| -> Option<(OwnedFd, Stat)> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, path, flags, Mode::empty()).ok()?;
        let found = rustix::fs::fstat(&directory).ok()?;
        Some((directory, found))
    };
    let by_name = "/proc/self/fd/".to_owned();
    let by_number = format!("/proc/{}/fd/", std::process::id());
    // Open until both were checked, as /proc generates its inode numbers.
    let (_of_self, itself) = open(&by_name)?;
    let is_same = open(&by_number)
        .is_some_and(|(_, there)| (there.st_dev, there.st_ino) == (itself.st_dev, itself.st_ino));
    Some(if is_same { by_number } else { by_name })
}

/// The same error again.
fn copy(error: &io::Error) -> io::Error {
    let refusal = error.get_ref().and_then(|inner| inner.downcast_ref());
    match (error.raw_os_error(), refusal) {
        (Some(number), _) => io::Error::from_raw_os_error(number),
        (None, Some(NotSendersSocket(reason))) => NotSendersSocket::because(reason),
        (None, None) => error.kind().into(),
    }
}
