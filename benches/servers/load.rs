//! A load on a server, by one of the generators.

use crate::contender::Transport;
use crate::failure::Failure;
use crate::generator::Generator;
use crate::outcome::Outcome;
use crate::process::Pinning;
use crate::text::Script;
use crate::tools::Tools;
use bullhorn_socket::RECEIVE_BUFFER;
use std::time::Duration;

/// How a generator is called, with its own options.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) generator: Generator,
    pub(crate) transport: Transport,
    pub(crate) script: Script,
    pub(crate) size: usize,
    /// The server is stopped for this long in the middle.
    pub(crate) stop: Option<Duration>,
    options: Vec<(&'static str, Option<String>)>,
    rate: Option<u64>,
}

impl Load {
    pub(crate) fn datagrams(flows: usize, window: usize, size: usize) -> Self {
        Self::by(Generator::C, Transport::Udp, size)
            .option("--flows", flows)
            .option("--window", window)
            .option("--size", size)
    }

    /// The same with a whole window in one buffer.
    pub(crate) fn runs(flows: usize, window: usize, size: usize) -> Self {
        Self::datagrams(flows, window, size).option("--offload", "on")
    }

    pub(crate) fn lines(connections: usize, window: usize, size: usize) -> Self {
        Self::by(Generator::C, Transport::Tcp, size)
            .option("--mode", "lines")
            .option("--connections", connections)
            .option("--window", window)
            .option("--size", size)
    }

    pub(crate) fn bulk(bytes: u64) -> Self {
        Self::by(Generator::C, Transport::Tcp, 1)
            .option("--mode", "bulk")
            .option("--bytes", bytes)
    }

    /// `bullhorn bench` over UDP.
    pub(crate) fn bench(flows: usize, size: usize) -> Self {
        Self::by(Generator::Bench, Transport::Udp, size)
            .option("--flows", flows)
            .option("--size", size)
    }

    /// A test of sockperf over UDP, from one socket.
    pub(crate) fn sockperf(test: &'static str, size: usize) -> Self {
        Self::by(Generator::Sockperf(test), Transport::Udp, size)
            .option("--msg-size", size)
            .option("--buffer-size", RECEIVE_BUFFER)
    }

    fn by(generator: Generator, transport: Transport, size: usize) -> Self {
        Self {
            generator,
            transport,
            script: Script::Ascii,
            size,
            stop: None,
            options: Vec::new(),
            rate: None,
        }
    }

    pub(crate) fn option(mut self, name: &'static str, value: impl ToString) -> Self {
        self.options.push((name, Some(value.to_string())));
        self
    }

    pub(crate) fn flag(mut self, name: &'static str) -> Self {
        self.options.push((name, None));
        self
    }

    pub(crate) fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    pub(crate) fn stop_server(mut self, pause: Duration) -> Self {
        self.stop = Some(pause);
        self
    }

    /// Texts per second in an open loop, if the generator has one.
    pub(crate) fn at_rate(mut self, rate: u64) -> Self {
        let Some(option) = self.generator.rate_option() else {
            return self;
        };
        self.rate = Some(rate);
        self.option(option, rate)
    }

    /// Limits the time, unless the load is limited in bytes.
    pub(crate) fn seconds(self, seconds: f64) -> Self {
        let bulk = self.options.iter().any(|(name, _)| *name == "--bytes");
        if bulk {
            return self;
        }
        let (option, value) = self.generator.time_option(seconds);
        self.option(option, value)
    }

    pub(crate) fn describe(&self) -> String {
        let options = self.options.iter();
        let parts = options
            .filter(|(name, _)| *name != "--timeout-ms")
            .map(|(name, value)| {
                let name = name.trim_start_matches('-');
                let value = value.as_deref().unwrap_or_default();
                format!("{name} {value}").trim().to_owned()
            });
        let parts: Vec<String> = parts.collect();
        format!("{}: {}", self.script.name(), parts.join(" "))
    }

    pub(crate) fn run(
        &self,
        port: u16,
        tools: &Tools,
        pinning: &Pinning,
    ) -> Result<Outcome, Failure> {
        let mut command = self.generator.command(self.transport, port, tools, pinning);
        for (name, value) in &self.options {
            command.arg(name).args(value);
        }
        if self.script != Script::Ascii {
            let (text, answer) = self.script.write(self.size, tools)?;
            command.arg("--text").arg(text).arg("--expect").arg(answer);
        }
        let output = command.output()?;
        let mut outcome = self.generator.read(&output)?;
        outcome.requested = self.rate;
        if outcome.sent != outcome.answered + outcome.corrupt + outcome.lost {
            return Err("sent is not answered + corrupt + lost".into());
        }
        Ok(outcome)
    }
}
