//! What may be typed: the one definition that the parser, the help, the man page and the
//! completions are made from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::bench::{self, threshold::Threshold};
use crate::client::Settings;
use crate::endpoint::{Endpoint, FamilyFilter};
use crate::probe;
use crate::server::{Backend, DatagramOptions, Impairment, StreamLimits};
use crate::socket::BindOptions;

/// What each exit code means.
macro_rules! exit_codes {
    () => {
        "\
Exit codes:
  0  all is well
  1  a threshold or part of the work failed (partial loss)
  2  usage
  3  a wrong answer
  4  refused
  5  no answer at all
  6  name not resolved
  7  local trouble (bind, permission, file)"
    };
}

/// The end of every help text.
const EXIT_CODES: &str = exit_codes!();

/// The end of the help texts that take an endpoint.
const ENDPOINTS_AND_EXIT_CODES: &str = concat!(
    "\
Endpoints:
  udp://127.0.0.1:3000   UDP, also udp://[::1]:3000 and udp://[fe80::1%eth0]:3000
  tcp://127.0.0.1:3000   TCP
  unix:/run/b.sock       Unix stream; unix:@name is a Linux abstract name
  unixgram:/run/b.sock   Unix datagrams
  udp://:3000            every address of this machine (serve only)
  fd:3                   an inherited, bound descriptor (serve only)
  Without a scheme it is udp://, without a port 3000.

",
    exit_codes!()
);

/// A socket service that answers every text in capitals, and the client that checks every answer
#[derive(Debug, Parser)]
#[command(name = "bullhorn", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Answer every text in capitals, on any number of endpoints at once
    Serve(Serve),
    /// Send texts and print their answers, each checked
    Send(Send),
    /// Probe an endpoint on a schedule, every answer checked, and say what was lost, late or wrong
    Ping(Ping),
    /// Put load on an endpoint, check every answer, and say how fast they came
    Bench(Bench),
    /// Show it all at work: serve and ask over every address family and socket type
    Demo(Demo),
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one for each verb into a directory
    Man {
        /// Write bullhorn.1, bullhorn-serve.1 and so on into this directory
        directory: Option<PathBuf>,
    },
}

/// How much is said, and how.
#[derive(Clone, Debug, Args)]
pub struct Speech {
    /// Say more: -v logs requests and answers, -vv each socket call with its arguments and result
    #[arg(short, long, action = ArgAction::Count, env = "BULLHORN_VERBOSE")]
    pub verbose: u8,
    /// Say nothing but results and errors
    #[arg(short, long, conflicts_with = "verbose", env = "BULLHORN_QUIET", value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Print JSON Lines to standard output
    #[arg(long, env = "BULLHORN_JSON", value_parser = FalseyValueParser::new())]
    pub json: bool,
}

/// Which addresses of a name may be asked.
#[derive(Clone, Copy, Debug, Args)]
pub struct FamilyFlags {
    /// Use only the IPv4 addresses of a name
    #[arg(short = '4', long, conflicts_with = "ipv6", env = "BULLHORN_IPV4", value_parser = FalseyValueParser::new())]
    pub ipv4: bool,
    /// Use only the IPv6 addresses of a name
    #[arg(short = '6', long, env = "BULLHORN_IPV6", value_parser = FalseyValueParser::new())]
    pub ipv6: bool,
}

impl FamilyFlags {
    /// The meaning of `-4` and `-6`.
    pub fn filter(self) -> FamilyFilter {
        match (self.ipv4, self.ipv6) {
            (true, _) => FamilyFilter::Inet,
            (_, true) => FamilyFilter::Inet6,
            _ => FamilyFilter::All,
        }
    }
}

/// `bullhorn serve`
#[derive(Debug, Args)]
#[command(after_help = ENDPOINTS_AND_EXIT_CODES)]
pub struct Serve {
    /// Where to answer [default: udp://127.0.0.1:3000, or what systemd passes in LISTEN_FDS]
    #[arg(value_name = "ENDPOINT")]
    pub endpoints: Vec<Endpoint>,
    /// The exact file mode of Unix sockets, in octal [default: 0660 less the umask]
    #[arg(long, value_name = "MODE", env = "BULLHORN_UNIX_MODE", value_parser = octal_mode)]
    pub unix_mode: Option<u32>,
    /// The most connections open at once on one endpoint
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_MAX_CONNECTIONS",
        default_value_t = StreamLimits::default().max_connections, value_parser = clap::value_parser!(usize))]
    pub max_connections: usize,
    /// Close a connection that is silent for this long, or "off"
    #[arg(long, value_name = "DURATION", env = "BULLHORN_IDLE_TIMEOUT",
        default_value_t = OptionalDuration(StreamLimits::default().idle_timeout))]
    pub idle_timeout: OptionalDuration,
    /// Threads for each UDP endpoint, each with a socket of its own [default: the CPUs that this process may use, one with -vv]
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// How datagrams are moved [default: batched, but plain with -vv, which is easier to read]
    #[arg(long, value_name = "NAME", env = "BULLHORN_BACKEND")]
    pub backend: Option<BackendName>,
    /// Ask again and again for this long before sleeping: sooner answers for a whole CPU
    #[arg(long, value_name = "DURATION", env = "BULLHORN_SPIN")]
    pub spin: Option<PositiveDuration>,
    /// Be a bad network for datagrams, as in loss=2%,duplicate=1%,reorder=1%,corrupt=0.1%,delay=20ms±5ms (or 20ms+-5ms); with one worker for each endpoint
    #[arg(long, value_name = "IMPAIRMENTS", env = "BULLHORN_IMPAIR")]
    pub impair: Option<Impairment>,
    /// The seed of the bad network: the same one does the same to the n-th answer of each endpoint
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_SEED", default_value_t = Impairment::default().seed)]
    pub seed: u64,
    /// The kernel's receive buffer for datagrams, in bytes [default: 4194304, or what the kernel allows]
    #[arg(long, value_name = "BYTES", env = "BULLHORN_RECEIVE_BUFFER",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub receive_buffer: Option<u32>,
    /// The kernel's send buffer for datagrams, in bytes [default: the kernel's own]
    #[arg(long, value_name = "BYTES", env = "BULLHORN_SEND_BUFFER",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub send_buffer: Option<u32>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub speech: Speech,
}

impl Serve {
    /// Each socket call is logged: one socket and one call for each datagram, so that the log
    /// reads like the lesson.
    fn is_to_be_read(&self) -> bool {
        self.speech.verbose > 1
    }

    /// How sockets are to be bound.
    pub fn bind_options(&self) -> BindOptions {
        BindOptions {
            unix_mode: self.unix_mode,
            workers: match self.workers {
                Some(workers) => workers.into(),
                None if self.is_to_be_read() => 1,
                None => std::thread::available_parallelism().map_or(1, usize::from),
            },
            receive_buffer: self.receive_buffer.map(|bytes| bytes as usize),
            send_buffer: self.send_buffer.map(|bytes| bytes as usize),
            ..BindOptions::default()
        }
    }

    /// How datagrams are to be answered.
    pub fn datagram_options(&self) -> DatagramOptions {
        let backend = match self.backend {
            Some(BackendName::Plain) => Backend::Plain,
            Some(BackendName::Batched) => Backend::Batched,
            None if self.is_to_be_read() => Backend::Plain,
            None => Backend::Batched,
        };
        DatagramOptions {
            backend,
            spin: self.spin.map(|spin| spin.0),
            impairment: self.impair.map(|impairment| Impairment {
                seed: self.seed,
                ..impairment
            }),
        }
    }

    /// What streams may take.
    pub fn stream_limits(&self) -> StreamLimits {
        StreamLimits {
            max_connections: self.max_connections,
            idle_timeout: self.idle_timeout.0,
        }
    }
}

/// The value of `--backend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackendName {
    /// Many datagrams a call and many a buffer
    Batched,
    /// One datagram a call
    Plain,
}

/// `bullhorn send`
#[derive(Debug, Args)]
#[command(after_help = ENDPOINTS_AND_EXIT_CODES)]
pub struct Send {
    /// Whom to ask
    #[arg(default_value_t = Endpoint::default(), env = "BULLHORN_ENDPOINT")]
    pub endpoint: Endpoint,
    /// What to send [default: each line of standard input; on a terminal, a prompt]
    #[arg(value_name = "TEXT")]
    pub texts: Vec<std::ffi::OsString>,
    /// How long to wait for an answer before sending the text again or giving it up
    #[arg(long, value_name = "DURATION", env = "BULLHORN_TIMEOUT",
        default_value_t = PositiveDuration(Settings::default().timeout))]
    pub timeout: PositiveDuration,
    /// How often to send a datagram again that has no answer; streams are repeated by the kernel
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_RETRIES", default_value_t = Settings::default().retries)]
    pub retries: u32,
    /// How many texts to keep under way at once
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_WINDOW",
        default_value_t = Settings::default().window as u32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub window: u32,
    /// Go on after a text without an answer, and say at the end how many failed
    #[arg(long, env = "BULLHORN_KEEP_GOING", value_parser = FalseyValueParser::new())]
    pub keep_going: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub family: FamilyFlags,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub speech: Speech,
}

impl Send {
    /// How the client is to ask.
    pub fn settings(&self) -> Settings {
        Settings {
            window: self.window as usize,
            timeout: self.timeout.0,
            retries: self.retries,
            family: self.family.filter(),
        }
    }
}

/// `bullhorn ping`
#[derive(Debug, Args)]
#[command(after_help = ENDPOINTS_AND_EXIT_CODES)]
pub struct Ping {
    /// Whom to probe
    #[arg(default_value_t = Endpoint::default(), env = "BULLHORN_ENDPOINT")]
    pub endpoint: Endpoint,
    /// From one probe to the next
    #[arg(short, long, value_name = "DURATION", env = "BULLHORN_INTERVAL", value_parser = seconds_or_duration,
        default_value_t = PositiveDuration(probe::Settings::default().interval))]
    pub interval: PositiveDuration,
    /// How many probes to send [default: until Ctrl-C; a few with --expect]
    #[arg(short, long, value_name = "NUMBER", env = "BULLHORN_COUNT",
        value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End after this long, whatever is under way
    #[arg(short = 'w', long, value_name = "DURATION", env = "BULLHORN_DEADLINE", value_parser = seconds_or_duration)]
    pub deadline: Option<PositiveDuration>,
    /// A probe without an answer for this long is lost; an answer after that is late
    #[arg(short = 'W', long, value_name = "DURATION", env = "BULLHORN_TIMEOUT", value_parser = seconds_or_duration,
        default_value_t = PositiveDuration(probe::Settings::default().timeout))]
    pub timeout: PositiveDuration,
    /// How long to wait for second answers after the last probe is settled
    #[arg(long, value_name = "DURATION", env = "BULLHORN_LINGER",
        default_value_t = PositiveDuration(probe::Settings::default().linger))]
    pub linger: PositiveDuration,
    /// Bytes of each text: from its word and number alone to what a datagram carries
    #[arg(short, long, value_name = "BYTES", env = "BULLHORN_SIZE", default_value_t = probe::Settings::default().size)]
    pub size: usize,
    /// Fill the texts from this file, of any script, instead of with the alphabet
    #[arg(long, value_name = "FILE", env = "BULLHORN_TEXT")]
    pub text: Option<PathBuf>,
    /// Send from so many source ports in turn, and say how each fares: finds one bad leg of a balanced path
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_FLOWS", default_value_t = probe::Settings::default().flows)]
    pub flows: usize,
    /// Exit with 0 only when the endpoint behaves so: answer, refused or silence
    #[arg(long, value_name = "BEHAVIOUR", env = "BULLHORN_EXPECT")]
    pub expect: Option<probe::Behaviour>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub family: FamilyFlags,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub speech: Speech,
}

impl Ping {
    /// How the endpoint is to be probed, with texts filled from `filler`.
    pub fn settings(&self, filler: Option<Vec<u8>>) -> probe::Settings {
        probe::Settings {
            interval: self.interval.0,
            count: self.count,
            deadline: self.deadline.map(|deadline| deadline.0),
            timeout: self.timeout.0,
            linger: self.linger.0,
            size: self.size,
            filler,
            flows: self.flows,
            expect: self.expect,
            family: self.family.filter(),
        }
    }
}

/// `bullhorn bench`
#[derive(Debug, Args)]
#[command(after_help = ENDPOINTS_AND_EXIT_CODES)]
pub struct Bench {
    /// Whom to ask
    #[arg(default_value_t = Endpoint::default(), env = "BULLHORN_ENDPOINT")]
    pub endpoint: Endpoint,
    /// How many sockets (source ports, connections) to ask from
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_FLOWS", default_value_t = bench::Settings::default().flows,
        value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub flows: u32,
    /// How many requests of each flow to keep under way, unless there is a rate [default: 64, for unixgram 8]
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_WINDOW",
        value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub window: Option<u32>,
    /// Send so many requests a second, whatever has become of the others: latency counts from the time
    /// that each was to be sent [default: as many as the windows let]
    #[arg(long, value_name = "PER_SECOND", env = "BULLHORN_RATE", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// How long to send, after the warm-up [default: 10s, with --count until that is reached]
    #[arg(short, long, value_name = "DURATION", env = "BULLHORN_DURATION")]
    pub duration: Option<PositiveDuration>,
    /// How many requests to send at most, after the warm-up
    #[arg(short, long, value_name = "NUMBER", env = "BULLHORN_COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// How long to send before anything is measured, or "off"
    #[arg(long, value_name = "DURATION", env = "BULLHORN_WARMUP",
        default_value_t = OptionalDuration(bench::Settings::default().warmup))]
    pub warmup: OptionalDuration,
    /// The bytes of each text; from 16 on, which number it (a stream takes one more for the line end)
    #[arg(long, value_name = "BYTES", env = "BULLHORN_SIZE", default_value_t = bench::Settings::default().size as u32,
        value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    pub size: u32,
    /// Fill the texts from this file, in any script
    #[arg(long, value_name = "FILE", env = "BULLHORN_TEXT")]
    pub text: Option<PathBuf>,
    /// Compare with this earlier result, written by --json
    #[arg(long, value_name = "FILE", env = "BULLHORN_BASELINE")]
    pub baseline: Option<PathBuf>,
    /// Exit 1 when this is so: 'p99>2ms', 'rate<100000', 'loss>0.1%', or with --baseline 'p99>+10%' (for a
    /// loss, in percentage points); repeatable
    #[arg(
        long,
        value_name = "THRESHOLD",
        env = "BULLHORN_FAIL_IF",
        value_delimiter = ','
    )]
    pub fail_if: Vec<Threshold>,
    /// Write the result as one HTML page that needs no network
    #[arg(long, value_name = "FILE", env = "BULLHORN_HTML")]
    pub html: Option<PathBuf>,
    /// How many threads share the flows
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_THREADS", default_value_t = bench::Settings::default().threads,
        value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: u32,
    /// Send and receive each datagram in a buffer of its own, without UDP_SEGMENT and UDP_GRO
    #[arg(long, env = "BULLHORN_NO_OFFLOAD", value_parser = FalseyValueParser::new())]
    pub no_offload: bool,
    /// After this long a request without an answer is lost
    #[arg(long, value_name = "DURATION", env = "BULLHORN_TIMEOUT",
        default_value_t = PositiveDuration(bench::Settings::default().timeout))]
    pub timeout: PositiveDuration,
    /// Look for answers again and again for this long before sleeping: sharper figures for a whole CPU
    #[arg(long, value_name = "DURATION", env = "BULLHORN_SPIN",
        default_value_t = PositiveDuration(bench::Settings::default().spin))]
    pub spin: PositiveDuration,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub family: FamilyFlags,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub speech: Speech,
}

impl Bench {
    /// What load is to be put on the endpoint; `filler` is what the file of the texts has.
    pub fn settings(&self, filler: Option<Vec<u8>>) -> bench::Settings {
        let duration = match (self.duration, self.count) {
            (Some(duration), _) => Some(duration.0),
            (None, Some(_)) => None,
            (None, None) => bench::Settings::default().duration,
        };
        bench::Settings {
            flows: self.flows,
            window: self.window,
            rate: self.rate.map(f64::from),
            duration,
            count: self.count,
            warmup: self.warmup.0,
            size: self.size as usize,
            filler,
            threads: self.threads,
            has_offload: !self.no_offload,
            timeout: self.timeout.0,
            spin: self.spin.0,
            family: self.family.filter(),
        }
    }
}

/// `bullhorn demo`
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Demo {
    /// What to send
    #[arg(default_value = "hello, world")]
    pub text: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub speech: Speech,
}

/// As [`PositiveDuration`], and a bare number is seconds, as in ping(8).
fn seconds_or_duration(text: &str) -> Result<PositiveDuration, String> {
    let seconds = text.parse().ok();
    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match seconds {
        Some(seconds) if !seconds.is_zero() => Ok(PositiveDuration(seconds)),
        _ => text.parse(),
    }
}

fn octal_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(mode),
        _ => Err("a file mode is up to four octal digits, as in 0660".to_owned()),
    }
}

/// A duration over zero, as in `1s` or `250ms`.
#[derive(Clone, Copy, Debug)]
pub struct PositiveDuration(pub Duration);

impl FromStr for PositiveDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text) {
            Ok(Duration::ZERO) => Err("it must be over zero, as in 1s".to_owned()),
            Ok(duration) => Ok(Self(duration)),
            Err(error) => Err(format!("{error}; write it like 1s or 250ms")),
        }
    }
}

impl fmt::Display for PositiveDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

/// A duration over zero, or `off`.
#[derive(Clone, Copy, Debug)]
pub struct OptionalDuration(pub Option<Duration>);

impl FromStr for OptionalDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            _ => Ok(Self(Some(text.parse::<PositiveDuration>()?.0))),
        }
    }
}

impl fmt::Display for OptionalDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(duration) => write!(f, "{}", PositiveDuration(duration)),
            None => f.write_str("off"),
        }
    }
}
