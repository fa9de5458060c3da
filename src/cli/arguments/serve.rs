//! The arguments of `bullhorn serve` and their translation into options.

use clap::{Args, ValueEnum};

use super::guard::GuardFlags;
use super::output_flags::OutputFlags;
use super::streams::Streams;
use super::values::{PositiveDuration, http_endpoint, octal_mode};
use bullhorn::sandbox::user::UserName;
use bullhorn_server::{Backend, DatagramOptions, Impairment};
use bullhorn_socket::BindOptions;
use bullhorn_socket::endpoint::Endpoint;

/// `bullhorn serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Endpoints to listen on [default: udp://127.0.0.1:3000]
    ///
    /// Without any, it serves the sockets that systemd passes (LISTEN_FDS), or else
    /// udp://127.0.0.1:3000.
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoints: Vec<Endpoint>,
    /// File mode of Unix sockets, in octal [default: 0660 less the umask]
    #[arg(help_heading = "Network", long, value_name = "MODE", value_parser = octal_mode)]
    pub(crate) unix_mode: Option<u32>,
    #[command(flatten)]
    pub(crate) streams: Streams,
    /// Threads for each UDP endpoint [default: the number of CPUs]
    ///
    /// Each has its own socket; on an inherited socket, which they share, the default is one. With
    /// -vv the default is one.
    #[arg(help_heading = "Datagrams", long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
    /// How datagrams are received and sent
    ///
    /// The default is batched, with -vv plain, which is easier to read.
    #[arg(help_heading = "Datagrams", long, value_name = "NAME")]
    pub(crate) backend: Option<BackendName>,
    /// Busy-poll for this long before sleeping
    ///
    /// Lower latency, with one CPU core busy.
    #[arg(help_heading = "Datagrams", long, value_name = "DURATION")]
    pub(crate) spin: Option<PositiveDuration>,
    /// Simulate a bad network for datagrams
    ///
    /// As in loss=2%,duplicate=1%,reorder=1%,corrupt=0.1%,delay=20ms±5ms (or 20ms+-5ms). Each endpoint then has
    /// one worker.
    #[arg(help_heading = "Datagrams", long, value_name = "IMPAIRMENTS")]
    pub(crate) impair: Option<Impairment>,
    /// Seed of --impair: same seed, same losses
    #[arg(help_heading = "Datagrams", long, value_name = "NUMBER", default_value_t = Impairment::default().seed)]
    pub(crate) seed: u64,
    /// Kernel receive buffer for datagrams [default: 4194304]
    ///
    /// The default is 4 MiB, or what the kernel allows.
    #[arg(help_heading = "Network", long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub(crate) receive_buffer: Option<u32>,
    /// Kernel send buffer for datagrams [default: the kernel's]
    #[arg(help_heading = "Network", long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub(crate) send_buffer: Option<u32>,
    /// Switch to this user after binding (requires root)
    #[arg(help_heading = "Privileges", long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<UserName>,
    /// Answer Unix sockets that only their owner may write to
    ///
    /// For Unix datagrams, as root; keeps CAP_DAC_OVERRIDE.
    #[arg(help_heading = "Privileges", long)]
    pub(crate) answer_private_sockets: bool,
    /// Do not drop privileges after binding (no Landlock, no seccomp)
    #[arg(help_heading = "Privileges", long)]
    pub(crate) no_sandbox: bool,
    #[command(flatten)]
    pub(crate) guard: GuardFlags,
    /// Serve metrics and health over HTTP on this endpoint
    ///
    /// As in 127.0.0.1:9300 or unix:/run/metrics.sock; the paths are /metrics, /livez and /readyz, and with
    /// --peers also /api/peers.
    #[arg(help_heading = "Monitoring", long, value_name = "ENDPOINT", value_parser = http_endpoint)]
    pub(crate) metrics: Option<Endpoint>,
    /// List the most recent peers of each endpoint
    ///
    /// For each of this many source addresses: what was received, answered and dropped, by cause, and when it
    /// was last seen. Printed on SIGUSR1, with -v before the totals, and at /api/peers of --metrics. 0 for none.
    #[arg(help_heading = "Monitoring", long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=10_000))]
    pub(crate) peers: u16,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl Serve {
    /// Each socket call is logged: one socket and one call for each datagram, so that the log
    /// reads like the lesson.
    fn is_for_reading(&self) -> bool {
        self.output.verbose > 1
    }

    /// How to bind the sockets.
    pub(crate) fn bind_options(&self) -> BindOptions {
        let mut options = BindOptions::default();
        options.unix_mode = self.unix_mode;
        options.workers = match self.workers {
            Some(workers) => workers.into(),
            None if self.is_for_reading() => 1,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        options.inherited_workers = self.workers.map_or(1, usize::from);
        options.receive_buffer = self.receive_buffer.map(|bytes| bytes as usize);
        options.send_buffer = self.send_buffer.map(|bytes| bytes as usize);
        options
    }

    /// How to answer datagrams.
    pub(crate) fn datagram_options(&self) -> DatagramOptions {
        let backend = match self.backend {
            Some(BackendName::Plain) => Backend::Plain,
            Some(BackendName::Batched) => Backend::Batched,
            None if self.is_for_reading() => Backend::Plain,
            None => Backend::Batched,
        };
        let mut options = DatagramOptions::default();
        options.backend = backend;
        options.spin = self.spin.map(|spin| spin.0);
        options.impairment = self.impair.map(|mut impairment| {
            impairment.seed = self.seed;
            impairment
        });
        options
    }
}

/// The value of `--backend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// Many datagrams in each call and buffer
    Batched,
    /// One datagram in each call
    Plain,
}
