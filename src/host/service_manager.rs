//! Notifies the service manager that started the process (systemd), if one did: that every socket is
//! ready, that the server drains, and at intervals that it is alive; sd_notify(3),
//! sd_watchdog_enabled(3).
//!
//! The socket is connected once and kept, so that a sandbox may close the file system after that.
//! The variables stay set, as no child process is ever started.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::abstract_name;
use bullhorn_server::Server;
use bullhorn_server::stats::{Stats, Totals};
use bullhorn_socket::endpoint::Endpoint;

/// How long a service manager may take to read. Only the first notification waits for it.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The socket of the service manager; without its variables there is none.
#[derive(Debug, Default)]
pub(crate) struct ServiceManager {
    socket: Option<Arc<UnixDatagram>>,
    watchdog: Option<Duration>,
    /// The unhealthy endpoints have been reported.
    has_warned: bool,
    /// Waits for a manager that does not read.
    pending: Option<JoinHandle<()>>,
}

impl ServiceManager {
    /// Connects to NOTIFY_SOCKET. Warns and goes on without a manager that cannot be reached.
    pub(crate) fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        let variable = |name| std::env::var(name).ok();
        match connect(&name) {
            Ok(socket) => Self {
                socket: Some(Arc::new(socket)),
                watchdog: watchdog_interval(
                    variable("WATCHDOG_USEC").as_deref(),
                    variable("WATCHDOG_PID").as_deref(),
                    std::process::id(),
                ),
                ..Self::default()
            },
            Err(error) => {
                tracing::warn!(
                    "cannot notify the service manager that the server is ready: NOTIFY_SOCKET={}: {}",
                    name.display(),
                    bullhorn_socket::error::plain(&error)
                );
                Self::default()
            }
        }
    }

    /// How often to call [`notify_health`](Self::notify_health): half of the time after which the
    /// manager considers the server dead. `None` when it does not watch.
    pub(crate) fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Every socket of the server is ready.
    pub(crate) fn notify_ready(&self, server: &Server) {
        let list = listed(&server.endpoints());
        if let Some(socket) = &self.socket {
            send(socket, &format!("READY=1\nSTATUS=Answering on {list}"));
        }
    }

    /// The server is alive. Left out while an endpoint is unhealthy, so that the manager restarts it.
    pub(crate) fn notify_health(&mut self, server: &Server) {
        let unhealthy = server.unhealthy_endpoints();
        if unhealthy.is_empty() {
            self.has_warned = false;
            let totals = totals_text(&server.stats());
            let list = listed(&server.endpoints());
            self.notify(format!("WATCHDOG=1\nSTATUS=Answering on {list}; {totals}"));
        } else if !std::mem::replace(&mut self.has_warned, true) {
            self.notify(format!(
                "STATUS=No answers any more on {}",
                listed(&unhealthy)
            ));
        }
    }

    /// The server answers what it has received, and ends.
    pub(crate) fn notify_stopping(&mut self) {
        self.notify("STOPPING=1\nSTATUS=Answering what was received".to_owned());
    }

    /// Never waits: a notification for which the manager has no room is sent by a thread of its own,
    /// and further ones are dropped until that has ended.
    fn notify(&mut self, state: String) {
        let is_free = self.pending.as_ref().is_none_or(JoinHandle::is_finished);
        let Some(socket) = self.socket.clone().filter(|_| is_free) else {
            return;
        };
        let flags = rustix::net::SendFlags::DONTWAIT;
        if rustix::net::send(&socket, state.as_bytes(), flags) == Err(rustix::io::Errno::AGAIN) {
            let thread = thread::Builder::new().name("notify".to_owned());
            self.pending = thread.spawn(move || send(&socket, &state)).ok();
        }
    }
}

fn send(socket: &UnixDatagram, state: &str) {
    if let Err(error) = socket.send(state.as_bytes()) {
        tracing::debug!(
            "cannot notify the service manager: {}",
            bullhorn_socket::error::plain(&error)
        );
    }
}

/// NOTIFY_SOCKET is a path, or an abstract name after `@`.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match name.as_bytes() {
        [b'@', name @ ..] => abstract_name::connect(&socket, name)?,
        [b'/', ..] => socket.connect(name)?,
        _ => return Err(io::Error::other("it is neither a path nor @ and a name")),
    }
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    Ok(socket)
}

/// Half of WATCHDOG_USEC, unless WATCHDOG_PID says that another process is watched.
fn watchdog_interval(usec: Option<&str>, pid: Option<&str>, process_id: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(process_id)) {
        return None;
    }
    let whole = usec?.parse().ok().map(Duration::from_micros);
    whole.map(|whole| whole / 2).filter(|half| !half.is_zero())
}

fn listed(endpoints: &[Endpoint]) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
    endpoints.join(", ")
}

fn totals_text(stats: &Stats) -> String {
    let (mut received, mut answered, mut dropped, mut accepted, mut open) = (0, 0, 0, 0, 0);
    for (_, totals) in &stats.endpoints {
        match totals {
            Totals::Datagram(totals) => {
                received += totals.received;
                answered += totals.answered;
                dropped += totals.dropped();
            }
            Totals::Stream(totals) => {
                accepted += totals.accepted;
                open += totals.open();
            }
        }
    }
    format!(
        "{received} datagrams received, {answered} answered, {dropped} dropped; \
         {accepted} connections accepted, {open} open"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_notified_in_half_of_its_time() {
        let half = Some(Duration::from_millis(500));
        assert_eq!(watchdog_interval(Some("1000000"), None, 42), half);
        assert_eq!(watchdog_interval(Some("1000000"), Some("42"), 42), half);
    }

    #[test]
    fn a_watchdog_that_is_off_or_for_another_process_is_not_notified() {
        for (usec, pid) in [
            (None, Some("42")),
            (Some("1000000"), Some("7")),
            (Some("1000000"), Some("")),
            (Some("0"), None),
            (Some(""), None),
            (Some("1s"), None),
            (Some("-1"), None),
        ] {
            assert_eq!(watchdog_interval(usec, pid, 42), None, "{usec:?} {pid:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_a_unix_socket_is_refused() {
        for name in ["vsock:2:1234", "relative", "/does/not/exist", "@"] {
            assert!(connect(OsStr::new(name)).is_err(), "{name}");
        }
    }
}
