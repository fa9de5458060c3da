//! A child process, pinned to CPUs: its output by lines, its CPU time, its end. It has a separate
//! process group, so that its children are counted and end with it.

use crate::failure::Failure;
use crate::tools::is_installed;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// The unit of user and system time in /proc, independent of the kernel's own tick.
const CLOCK_TICK_NS: u64 = 10_000_000;

/// The CPUs of servers and generators.
pub(crate) struct Pinning {
    server: Option<String>,
    generator: Option<String>,
    /// For the head of the tables.
    pub(crate) description: String,
}

impl Pinning {
    /// To check whether a server starts at all.
    pub(crate) fn none() -> Self {
        Self {
            server: None,
            generator: None,
            description: String::new(),
        }
    }

    pub(crate) fn new(server: usize, generator: usize) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let unpinned = |reason: &str| Self {
            server: None,
            generator: None,
            description: format!("nothing is pinned: {reason}"),
        };
        if !is_installed("taskset") {
            return unpinned("taskset (util-linux) is not installed");
        }
        if cpus < 2 {
            return unpinned("there is only one CPU");
        }
        Self {
            server: Some(server.to_string()),
            generator: Some(generator.to_string()),
            description: format!("servers on CPU {server}, generator on CPU {generator}"),
        }
    }

    /// A command on the servers' CPU, or on both for a server of two workers.
    pub(crate) fn server(&self, program: &Path, both: bool) -> Command {
        match (&self.server, &self.generator) {
            (Some(server), Some(generator)) if both => {
                pinned(Some(&format!("{server},{generator}")), program)
            }
            (server, _) => pinned(server.as_deref(), program),
        }
    }

    pub(crate) fn generator(&self, program: &Path) -> Command {
        pinned(self.generator.as_deref(), program)
    }
}

/// Each of these programs becomes the next by exec, so that the child keeps its process id.
fn pinned(cpus: Option<&str>, program: &Path) -> Command {
    let mut words: Vec<&str> = Vec::new();
    // If the harness is killed, the kernel stops its servers.
    if is_installed("setpriv") {
        words.extend(["setpriv", "--pdeathsig", "KILL"]);
    }
    if let Some(cpus) = cpus {
        words.extend(["taskset", "-c", cpus]);
    }
    let Some((first, rest)) = words.split_first() else {
        return Command::new(program);
    };
    let mut command = Command::new(first);
    command.args(rest).arg(program);
    command
}

/// The scheduler's account of a process.
#[derive(Clone, Copy, Default)]
pub(crate) struct Times {
    /// How long it ran.
    pub(crate) cpu_ns: u64,
    /// How long it was runnable while another program had its CPU.
    pub(crate) wait_ns: u64,
}

impl Times {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            wait_ns: self.wait_ns.saturating_sub(before.wait_ns),
        }
    }
}

/// A child that ends, with all of its group, when this is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Result<Self, Failure> {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (sender, lines) = mpsc::channel();
        let stdout = child.stdout.take().ok_or("a child without stdout")?;
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The next line of its stdout; an error when it ends, or stays silent for ten seconds.
    pub(crate) fn line(&self) -> Result<String, Failure> {
        let line = self.lines.recv_timeout(Duration::from_secs(10));
        Ok(line.map_err(|_| "it ended or stayed silent before it was ready")?)
    }

    /// The times of all threads of all processes of the group.
    pub(crate) fn times(&self) -> Times {
        let group = self.child.id().to_string();
        let mut sum = Times::default();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let times = process_times(&entry.path(), &group).unwrap_or_default();
            sum.cpu_ns += times.cpu_ns;
            sum.wait_ns += times.wait_ns;
        }
        sum
    }

    /// Terminates it gracefully; returns the lines that were not read yet.
    pub(crate) fn terminate(mut self) -> Result<Vec<String>, Failure> {
        signal("TERM", &self.child.id().to_string());
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.child.try_wait()?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill();
        // The group is gone, so its end of the pipe is closed and the reader ends.
        Ok(self.lines.iter().collect())
    }

    /// Its process id, and that of its group.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn kill(&mut self) {
        signal("KILL", &format!("-{}", self.child.id()));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Stops a whole process group, and continues it after `pause`.
pub(crate) fn stop_for(group: u32, pause: Duration) {
    let group = format!("-{group}");
    signal("STOP", &group);
    std::thread::sleep(pause);
    signal("CONT", &group);
}

/// The shell's built-in `kill`, which always exists and supports groups.
fn signal(name: &str, target: &str) {
    let _ = Command::new("sh")
        .args(["-c", "kill -s \"$0\" -- \"$1\"", name, target])
        .stderr(Stdio::null())
        .status();
}

/// `None` if the process is not in the group.
fn process_times(process: &Path, group: &str) -> Option<Times> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    // The name in parentheses may contain anything. The fields follow it, the state first.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.get(2) != Some(&group) {
        return None;
    }
    let ticks_ns = |range: std::ops::RangeInclusive<usize>| -> u64 {
        let ticks = fields
            .get(range)
            .into_iter()
            .flatten()
            .filter_map(|field| field.parse::<u64>().ok());
        CLOCK_TICK_NS * ticks.sum::<u64>()
    };
    let mut times = threads_times(process);
    if times.cpu_ns == 0 {
        times.cpu_ns = ticks_ns(11..=12);
    }
    // Of the children that it has waited for.
    times.cpu_ns += ticks_ns(13..=14);
    Some(times)
}

/// In nanoseconds; 0 where the kernel keeps no account.
fn threads_times(process: &Path) -> Times {
    let mut sum = Times::default();
    for thread in std::fs::read_dir(process.join("task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let schedstat =
            std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let mut fields = schedstat
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0));
        sum.cpu_ns += fields.next().unwrap_or(0);
        sum.wait_ns += fields.next().unwrap_or(0);
    }
    sum
}
