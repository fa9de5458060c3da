//! A load, put on a server by one of the generators, and what came of it.

use crate::Failure;
use crate::contender::Transport;
use crate::process::{Pinning, Times};
use crate::text::Script;
use crate::tools::Tools;
use serde_json::Value;

/// How a generator is called. Its fields are the generator's options.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) transport: Transport,
    pub(crate) script: Script,
    pub(crate) size: usize,
    options: Vec<(&'static str, String)>,
}

impl Load {
    pub(crate) fn datagrams(flows: usize, window: usize, size: usize) -> Self {
        let load = Self {
            transport: Transport::Udp,
            script: Script::Ascii,
            size,
            options: Vec::new(),
        };
        load.option("--flows", flows)
            .option("--window", window)
            .option("--size", size)
    }

    pub(crate) fn lines(connections: usize, window: usize, size: usize) -> Self {
        let load = Self {
            transport: Transport::Tcp,
            script: Script::Ascii,
            size,
            options: Vec::new(),
        };
        load.option("--mode", "lines")
            .option("--connections", connections)
            .option("--window", window)
            .option("--size", size)
    }

    pub(crate) fn bulk(bytes: u64) -> Self {
        let load = Self {
            transport: Transport::Tcp,
            script: Script::Ascii,
            size: 1,
            options: Vec::new(),
        };
        load.option("--mode", "bulk").option("--bytes", bytes)
    }

    pub(crate) fn option(mut self, name: &'static str, value: impl ToString) -> Self {
        self.options.push((name, value.to_string()));
        self
    }

    pub(crate) fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// A bound in time, for loads that have none in bytes.
    pub(crate) fn seconds(self, seconds: f64) -> Self {
        let bulk = self.options.iter().any(|(name, _)| *name == "--bytes");
        if bulk {
            self
        } else {
            self.option("--seconds", seconds)
        }
    }

    pub(crate) fn describe(&self) -> String {
        let words = self
            .options
            .iter()
            .filter(|(name, _)| *name != "--timeout-ms");
        let words: Vec<String> = words
            .map(|(name, value)| format!("{} {value}", name.trim_start_matches('-')))
            .collect();
        format!("{}: {}", self.script.name(), words.join(" "))
    }

    pub(crate) fn run(
        &self,
        port: u16,
        tools: &Tools,
        pinning: &Pinning,
    ) -> Result<Outcome, Failure> {
        let generator = match self.transport {
            Transport::Udp => tools.generator("udp"),
            Transport::Tcp => tools.generator("tcp"),
        };
        let mut command = pinning.generator(&generator);
        command.arg(port.to_string());
        for (name, value) in &self.options {
            command.args([*name, value.as_str()]);
        }
        if self.script != Script::Ascii {
            let (text, answer) = self.script.write(self.size, tools)?;
            command.arg("--text").arg(text).arg("--expect").arg(answer);
        }
        let output = command.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr)
                .trim()
                .to_owned()
                .into());
        }
        Outcome::parse(&serde_json::from_slice(&output.stdout)?)
    }
}

/// What one run counted. Always: sent = answered + corrupt + lost.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) corrupt: u64,
    pub(crate) lost: u64,
    /// Answers that name no text under way, or come a second time.
    pub(crate) unasked: u64,
    pub(crate) seconds: f64,
    pub(crate) rate: f64,
    pub(crate) p50_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) server: Times,
    pub(crate) generator_wait_seconds: f64,
    /// What `bullhorn` said of itself.
    pub(crate) totals: Option<Value>,
}

impl Outcome {
    fn parse(line: &Value) -> Result<Self, Failure> {
        let count = |key: &str| line[key].as_u64().unwrap_or(0);
        let outcome = Self {
            sent: count("sent"),
            answered: count("answered"),
            corrupt: count("corrupt"),
            lost: count("lost"),
            unasked: count("late_or_duplicate") + count("foreign"),
            seconds: line["seconds"]
                .as_f64()
                .ok_or("a generator without seconds")?,
            rate: line["rate"].as_f64().ok_or("a generator without rate")?,
            p50_ns: line["p50_ns"].as_u64(),
            p99_ns: line["p99_ns"].as_u64(),
            server: Times::default(),
            generator_wait_seconds: line["wait_seconds"].as_f64().unwrap_or(0.0),
            totals: None,
        };
        if outcome.sent != outcome.answered + outcome.corrupt + outcome.lost {
            return Err("sent is not answered + corrupt + lost".into());
        }
        Ok(outcome)
    }

    pub(crate) fn all_right(&self) -> bool {
        self.answered > 0 && self.answered == self.sent && self.unasked == 0
    }

    pub(crate) fn accounts(&self) -> String {
        format!(
            "sent {} = answered {} + corrupt {} + lost {}",
            self.sent, self.answered, self.corrupt, self.lost
        )
    }

    /// Answers for each second of the server's own processor time.
    pub(crate) fn rate_per_cpu(&self) -> f64 {
        self.answered as f64 / (self.server.cpu_ns.max(1) as f64 / 1e9)
    }

    /// The part of the time in which the server ran: near 1, it was the server that set the rate.
    pub(crate) fn server_share(&self) -> f64 {
        self.server.cpu_ns as f64 / 1e9 / self.seconds.max(1e-9)
    }

    /// The part of the time in which somebody else had the server's or the generator's processor.
    /// A server of many processes waits for itself: there the generator's share alone counts.
    pub(crate) fn disturbance(&self, server_is_one_thread: bool) -> f64 {
        let server_wait_seconds = if server_is_one_thread {
            self.server.wait_ns as f64 / 1e9
        } else {
            0.0
        };
        server_wait_seconds.max(self.generator_wait_seconds) / self.seconds.max(1e-9)
    }
}
