//! The generators: how each is called, and how its result is read.

use crate::contender::Transport;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::process::Pinning;
use crate::tools::{Tools, is_installed};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// The warm-up: that of sockperf, which `bullhorn bench` matches.
pub(crate) const WARM_UP: &str = "400ms";

/// How much of its time sockperf does not measure, at the beginning and at the end, in seconds.
const SOCKPERF_UNMEASURED: f64 = 0.45;

/// The program that generates the load.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generator {
    /// The one of the transport in `benches/generator`.
    C,
    /// `bullhorn bench`
    Bench,
    /// A test of sockperf, by its name.
    Sockperf(&'static str),
}

impl Generator {
    /// Why this generator cannot be used, if it cannot.
    pub(crate) fn unavailable(self) -> Option<String> {
        let is_missing = matches!(self, Self::Sockperf(_)) && !is_installed("sockperf");
        is_missing.then(|| "sockperf is not installed".to_owned())
    }

    pub(crate) fn command(
        self,
        transport: Transport,
        port: u16,
        tools: &Tools,
        pinning: &Pinning,
    ) -> Command {
        let port = port.to_string();
        match self {
            Self::C => {
                let name = match transport {
                    Transport::Udp => "udp",
                    Transport::Tcp => "tcp",
                };
                let mut command = pinning.generator(&tools.generator(name));
                command.arg(port);
                command
            }
            Self::Bench => {
                let scheme = match transport {
                    Transport::Udp => "udp",
                    Transport::Tcp => "tcp",
                };
                let mut command = pinning.generator(&tools.bullhorn);
                command
                    .args(["bench", "--json", "--warmup", WARM_UP])
                    .arg(format!("{scheme}://127.0.0.1:{port}"));
                command
            }
            Self::Sockperf(test) => {
                let mut command = pinning.generator(Path::new("sockperf"));
                command.args([test, "-i", "127.0.0.1", "-p", &port, "--full-rtt"]);
                // By default it requests one answer to a hundred texts.
                if test == "under-load" {
                    command.args(["--reply-every", "1"]);
                }
                command
            }
        }
    }

    /// How long after its start a server is stopped, where a load requires it: the generator is
    /// measuring by then, for longer than the stop takes. sockperf calibrates its clock for two
    /// seconds.
    pub(crate) fn time_before_stop(self) -> Duration {
        match self {
            Self::C | Self::Bench => Duration::from_millis(1100),
            Self::Sockperf(_) => Duration::from_millis(3100),
        }
    }

    pub(crate) fn rate_option(self) -> Option<&'static str> {
        match self {
            Self::C => None,
            Self::Bench => Some("--rate"),
            Self::Sockperf(_) => Some("--mps"),
        }
    }

    /// sockperf counts in whole seconds.
    pub(crate) fn time_option(self, seconds: f64) -> (&'static str, String) {
        match self {
            Self::C => ("--seconds", seconds.to_string()),
            Self::Bench => ("--duration", format!("{:.0}ms", seconds * 1e3)),
            Self::Sockperf(_) => ("--time", (seconds + SOCKPERF_UNMEASURED).ceil().to_string()),
        }
    }

    pub(crate) fn read(self, output: &Output) -> Result<Outcome, Failure> {
        let text = String::from_utf8_lossy(&output.stdout);
        let outcome = match self {
            Self::C if output.status.success() => read_c(&serde_json::from_str(&text)?),
            // Wrong answers set its exit code, too.
            Self::Bench if !text.is_empty() => Some(read_bench(&serde_json::from_str(&text)?)),
            Self::Sockperf(_) if output.status.success() => read_sockperf(&text),
            _ => None,
        };
        outcome.ok_or_else(|| {
            let errors = String::from_utf8_lossy(&output.stderr);
            format!("a generator failed: {} {}", errors.trim(), text.trim()).into()
        })
    }
}

fn read_c(line: &Value) -> Option<Outcome> {
    let count = |key: &str| line[key].as_u64().unwrap_or(0);
    Some(Outcome {
        sent: count("sent"),
        answered: count("answered"),
        corrupt: count("corrupt"),
        lost: count("lost"),
        unexpected: count("late_or_duplicate") + count("foreign"),
        seconds: line["seconds"].as_f64()?,
        rate: line["rate"].as_f64()?,
        p50_ns: line["p50_ns"].as_u64(),
        p99_ns: line["p99_ns"].as_u64(),
        generator_wait_seconds: line["wait_seconds"].as_f64().unwrap_or(0.0),
        ..Outcome::default()
    })
}

fn read_bench(line: &Value) -> Outcome {
    let count = |key: &str| line[key].as_u64().unwrap_or(0);
    let latency = |key: &str| line["latency"][key].as_u64();
    let seconds = count("elapsed_ns") as f64 / 1e9;
    Outcome {
        sent: count("sent"),
        answered: count("ok"),
        corrupt: count("corrupt"),
        lost: count("lost"),
        unexpected: count("duplicate") + count("late") + count("stray"),
        seconds,
        rate: count("ok") as f64 / seconds.max(1e-9),
        p50_ns: latency("p50_ns"),
        p99_ns: latency("p99_ns"),
        p99_9_ns: latency("p99_9_ns"),
        max_ns: latency("max_ns"),
        ..Outcome::default()
    }
}

/// Reads the line with `[Valid Duration]` and those of the percentiles. sockperf does not compare
/// answers.
fn read_sockperf(text: &str) -> Option<Outcome> {
    let valid = text
        .lines()
        .find(|line| line.contains("[Valid Duration]"))?;
    let value = |name: &str| -> Option<f64> {
        let rest = valid.split_once(name)?.1.strip_prefix('=')?;
        let end = rest.find(|letter: char| letter != '.' && !letter.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    };
    let latency = |name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.contains(name))?;
        let microseconds: f64 = line.rsplit_once('=')?.1.trim().parse().ok()?;
        Some((microseconds * 1e3) as u64)
    };
    let (sent, answered) = (
        value("SentMessages")? as u64,
        value("ReceivedMessages")? as u64,
    );
    let seconds = value("RunTime")?;
    Some(Outcome {
        sent,
        answered,
        lost: sent.checked_sub(answered)?,
        seconds,
        rate: answered as f64 / seconds.max(1e-9),
        p50_ns: latency("percentile 50.000"),
        p99_ns: latency("percentile 99.000"),
        p99_9_ns: latency("percentile 99.900"),
        max_ns: latency("<MAX> observation"),
        ..Outcome::default()
    })
}
