//! What may be typed after `bullhorn serve`, and what it means to the server.

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::guard::GuardFlags;
use super::help::endpoints_and_exit_codes;
use super::output_flags::OutputFlags;
use super::streams::Streams;
use super::values::{PositiveDuration, http_endpoint};
use bullhorn::sandbox::user::UserName;
use bullhorn_server::{Backend, DatagramOptions, Impairment};
use bullhorn_socket::BindOptions;
use bullhorn_socket::endpoint::Endpoint;

/// `bullhorn serve`
#[derive(Debug, Args)]
#[command(after_help = endpoints_and_exit_codes())]
pub(crate) struct Serve {
    /// Where to answer [default: udp://127.0.0.1:3000, or what systemd passes in LISTEN_FDS]
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoints: Vec<Endpoint>,
    /// The exact file mode of Unix sockets, in octal [default: 0660 less the umask]
    #[arg(long, value_name = "MODE", env = "BULLHORN_UNIX_MODE", value_parser = octal_mode)]
    pub(crate) unix_mode: Option<u32>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) streams: Streams,
    /// Threads for each UDP endpoint, each with a socket of its own [default: the CPUs that this process may use, one with -vv]; for an inherited socket, which they share, one unless given
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
    /// How datagrams are moved [default: batched, but plain with -vv, which is easier to read]
    #[arg(long, value_name = "NAME", env = "BULLHORN_BACKEND")]
    pub(crate) backend: Option<BackendName>,
    /// Ask again and again for this long before sleeping: sooner answers for a whole CPU
    #[arg(long, value_name = "DURATION", env = "BULLHORN_SPIN")]
    pub(crate) spin: Option<PositiveDuration>,
    /// Be a bad network for datagrams, as in loss=2%,duplicate=1%,reorder=1%,corrupt=0.1%,delay=20ms±5ms (or 20ms+-5ms); with one worker for each endpoint
    #[arg(long, value_name = "IMPAIRMENTS", env = "BULLHORN_IMPAIR")]
    pub(crate) impair: Option<Impairment>,
    /// The seed of the bad network: the same one does the same to the n-th answer of each endpoint
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_SEED", default_value_t = Impairment::default().seed)]
    pub(crate) seed: u64,
    /// The kernel's receive buffer for datagrams, in bytes [default: 4194304, or what the kernel allows]
    #[arg(long, value_name = "BYTES", env = "BULLHORN_RECEIVE_BUFFER",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub(crate) receive_buffer: Option<u32>,
    /// The kernel's send buffer for datagrams, in bytes [default: the kernel's own]
    #[arg(long, value_name = "BYTES", env = "BULLHORN_SEND_BUFFER",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub(crate) send_buffer: Option<u32>,
    /// Become this user and group when the sockets are bound; only root may
    #[arg(long, value_name = "USER[:GROUP]", env = "BULLHORN_USER")]
    pub(crate) user: Option<UserName>,
    /// As root, answer Unix datagrams also to sockets that only their owner may write to (keeps CAP_DAC_OVERRIDE)
    #[arg(long, env = "BULLHORN_ANSWER_PRIVATE_SOCKETS", value_parser = FalseyValueParser::new())]
    pub(crate) answer_private_sockets: bool,
    /// Keep what the server does not need once it is bound: files, system calls, capabilities
    #[arg(long, env = "BULLHORN_NO_SANDBOX", value_parser = FalseyValueParser::new())]
    pub(crate) no_sandbox: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) guard: GuardFlags,
    /// Serve /metrics, /livez and /readyz over HTTP here, as in 127.0.0.1:9300 or unix:/run/metrics.sock
    #[arg(long, value_name = "ENDPOINT", env = "BULLHORN_METRICS", value_parser = http_endpoint)]
    pub(crate) metrics: Option<Endpoint>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) output: OutputFlags,
}

impl Serve {
    /// Each socket call is logged: one socket and one call for each datagram, so that the log
    /// reads like the lesson.
    fn is_to_be_read(&self) -> bool {
        self.output.verbose > 1
    }

    /// How sockets are to be bound.
    pub(crate) fn bind_options(&self) -> BindOptions {
        BindOptions {
            unix_mode: self.unix_mode,
            workers: match self.workers {
                Some(workers) => workers.into(),
                None if self.is_to_be_read() => 1,
                None => std::thread::available_parallelism().map_or(1, usize::from),
            },
            inherited_workers: self.workers.map_or(1, usize::from),
            receive_buffer: self.receive_buffer.map(|bytes| bytes as usize),
            send_buffer: self.send_buffer.map(|bytes| bytes as usize),
            ..BindOptions::default()
        }
    }

    /// How datagrams are to be answered.
    pub(crate) fn datagram_options(&self) -> DatagramOptions {
        let backend = match self.backend {
            Some(BackendName::Plain) => Backend::Plain,
            Some(BackendName::Batched) => Backend::Batched,
            None if self.is_to_be_read() => Backend::Plain,
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
    /// Many datagrams a call and many a buffer
    Batched,
    /// One datagram a call
    Plain,
}

fn octal_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(mode),
        _ => Err("a file mode is up to four octal digits, as in 0660".to_owned()),
    }
}
