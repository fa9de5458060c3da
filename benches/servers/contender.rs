//! The servers under comparison: how each is started, how its port is found, and the totals that
//! `bullhorn` prints when it ends.

use crate::failure::Failure;
use crate::process::{Pinning, Process};
use crate::tokio_server;
use crate::tools::{Tools, is_installed};
use bullhorn_socket::RECEIVE_BUFFER;
use serde_json::Value;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

/// Datagrams or a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// One server. The peers in C handle ASCII only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Contender {
    /// `bullhorn serve`, with these options.
    Bullhorn(Transport, &'static [&'static str]),
    /// A C peer, by the name of its source, with these options.
    C(&'static str, &'static [&'static str]),
    Tokio(Transport),
    Python,
    Socat(Transport),
    /// `sockperf server`, which answers only its own client, with an echo.
    Sockperf,
}

pub(crate) const BULLHORN: Contender = Contender::Bullhorn(Transport::Udp, &[]);
pub(crate) const BULLHORN_TCP: Contender = Contender::Bullhorn(Transport::Tcp, &[]);
pub(crate) const RECVFROM: Contender = Contender::C("udp_recvfrom", &[]);
pub(crate) const RECVMMSG: Contender = Contender::C("udp_recvmmsg", &[]);
pub(crate) const GRO: Contender = Contender::C("udp_gro", &[]);
pub(crate) const EPOLL: Contender = Contender::C("tcp_epoll", &[]);

/// A server that is ready.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

impl Contender {
    pub(crate) fn name(&self) -> String {
        let with = |name: &str, options: &[&str]| [&[name], options].concat().join(" ");
        match self {
            Self::Bullhorn(_, options) => with("bullhorn", options),
            Self::C(name, options) => with(name, options),
            Self::Tokio(_) => "plain tokio".to_owned(),
            Self::Python => "python".to_owned(),
            Self::Socat(_) => "socat with tr".to_owned(),
            Self::Sockperf => "sockperf server".to_owned(),
        }
    }

    /// Whether it waits for its CPU only when another program has it.
    pub(crate) fn is_one_thread(&self) -> bool {
        !matches!(self, Self::Socat(_)) && !self.uses_both_cpus()
    }

    fn uses_both_cpus(&self) -> bool {
        let Self::Bullhorn(_, options) = self else {
            return false;
        };
        options.windows(2).any(|pair| pair == ["--workers", "2"])
    }

    /// Why this server cannot be measured, if it cannot.
    pub(crate) fn unavailable(&self, tools: &Tools) -> Option<String> {
        let missing =
            |program: &str| (!is_installed(program)).then(|| format!("{program} is not installed"));
        match self {
            Self::C(..) | Self::Tokio(_) => None,
            Self::Python => missing("python3"),
            Self::Sockperf => missing("sockperf"),
            Self::Socat(_) => missing("socat").or_else(|| missing("stdbuf")),
            Self::Bullhorn(transport, options) => {
                let ready = bullhorn_command(tools, *transport, options, &Pinning::none(), false)
                    .and_then(|process| endpoint_port(&process));
                ready
                    .err()
                    .map(|reason| format!("{}: {reason}", tools.bullhorn.display()))
            }
        }
    }

    pub(crate) fn start(&self, tools: &Tools, pinning: &Pinning) -> Result<Server, Failure> {
        match self {
            Self::Bullhorn(transport, options) => {
                let both = self.uses_both_cpus();
                let process = bullhorn_command(tools, *transport, options, pinning, both)?;
                let port = endpoint_port(&process)?;
                Ok(Server { process, port })
            }
            Self::C(name, options) => {
                let arguments = [&["0"], *options].concat();
                start_with_port_line(pinning, &tools.peer(name), &arguments)
            }
            Self::Tokio(Transport::Udp) => {
                start_with_port_line(pinning, &std::env::current_exe()?, &[tokio_server::UDP])
            }
            Self::Tokio(Transport::Tcp) => {
                start_with_port_line(pinning, &std::env::current_exe()?, &[tokio_server::TCP])
            }
            Self::Python => {
                let script = tools
                    .python_server
                    .to_str()
                    .ok_or("a path that is not UTF-8")?;
                start_with_port_line(pinning, Path::new("python3"), &[script, "0"])
            }
            Self::Socat(transport) => start_socat(*transport, pinning),
            Self::Sockperf => start_sockperf(pinning),
        }
    }

    /// Stops the server. `bullhorn` prints its totals then, as the last line of its JSON.
    pub(crate) fn stop(&self, server: Server) -> Result<Option<Value>, Failure> {
        if !matches!(self, Self::Bullhorn(..)) {
            return Ok(None);
        }
        let lines = server.process.terminate()?;
        Ok(lines
            .last()
            .and_then(|line| serde_json::from_str(line).ok()))
    }
}

fn bullhorn_command(
    tools: &Tools,
    transport: Transport,
    options: &[&str],
    pinning: &Pinning,
    both: bool,
) -> Result<Process, Failure> {
    let mut command = pinning.server(&tools.bullhorn, both);
    command.args(["serve", "--json"]).args(options);
    match transport {
        // The peers have the same.
        Transport::Udp => command
            .args(["--receive-buffer", &RECEIVE_BUFFER.to_string()])
            .arg("udp://127.0.0.1:0"),
        Transport::Tcp => command.arg("tcp://127.0.0.1:0"),
    };
    Process::start(command)
}

/// Reads lines of JSON up to the one with the ready endpoint.
fn endpoint_port(process: &Process) -> Result<u16, Failure> {
    loop {
        let line: Value = serde_json::from_str(&process.line()?)?;
        if line["event"] == "ready" {
            let endpoint = line["endpoint"]
                .as_str()
                .ok_or("a ready line without endpoint")?;
            let port = endpoint
                .rsplit_once(':')
                .ok_or("an endpoint without port")?
                .1;
            return Ok(port.parse()?);
        }
    }
}

/// The peers print `port N` once they are bound.
fn start_with_port_line(
    pinning: &Pinning,
    program: &Path,
    arguments: &[&str],
) -> Result<Server, Failure> {
    let mut command = pinning.server(program, false);
    command.args(arguments);
    let process = Process::start(command)?;
    let line = process.line()?;
    let port = line
        .strip_prefix("port ")
        .ok_or("a peer did not print its port")?
        .parse()?;
    Ok(Server { process, port })
}

/// socat does not print its port: it gets one that was free a moment ago.
fn start_socat(transport: Transport, pinning: &Pinning) -> Result<Server, Failure> {
    let loopback = ("127.0.0.1", 0);
    let (port, listen, more, table) = match transport {
        Transport::Udp => (
            UdpSocket::bind(loopback)?.local_addr()?.port(),
            "UDP4-RECVFROM",
            "",
            "/proc/net/udp",
        ),
        Transport::Tcp => (
            TcpListener::bind(loopback)?.local_addr()?.port(),
            "TCP4-LISTEN",
            ",backlog=1024",
            "/proc/net/tcp",
        ),
    };
    let mut command = pinning.server(Path::new("socat"), false);
    // stdbuf, because tr buffers its output; -t, because 1 GiB takes longer than the half-close.
    command.args(["-t", "30", "-b", "131072"]);
    command.arg(format!(
        "{listen}:{port},bind=127.0.0.1,reuseaddr,fork{more}"
    ));
    command.arg("EXEC:stdbuf -oL tr a-z A-Z");
    let process = Process::start(command)?;
    wait_until_bound(table, port)?;
    Ok(Server { process, port })
}

/// Neither does sockperf.
fn start_sockperf(pinning: &Pinning) -> Result<Server, Failure> {
    let port = UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let mut command = pinning.server(Path::new("sockperf"), false);
    command.args(["server", "-i", "127.0.0.1", "-p", &port.to_string()]);
    command.args(["--buffer-size", &RECEIVE_BUFFER.to_string()]);
    let process = Process::start(command)?;
    wait_until_bound("/proc/net/udp", port)?;
    Ok(Server { process, port })
}

/// For servers that do not report when they are ready.
fn wait_until_bound(table: &str, port: u16) -> Result<(), Failure> {
    let row = format!("0100007F:{port:04X} ");
    let deadline = Instant::now() + Duration::from_secs(5);
    while !std::fs::read_to_string(table)?.contains(&row) {
        if Instant::now() > deadline {
            return Err("a server did not bind its port".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
