//! The signals that end a verb: SIGINT (Ctrl-C), SIGTERM and SIGHUP (its terminal is gone), which mean
//! the same; and the reaction of a client verb to them.
//!
//! There, the first stops the work, and the summary follows; the second also ends what is in flight,
//! and the process soon after. SIGQUIT makes `ping` report its statistics so far.

use std::io;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator;
use signal_hook::low_level;

use super::failure::Failure;
use super::output::Output;
use bullhorn_client::ping::Control;
use bullhorn_socket::Stop;

/// The time that a second signal leaves for a summary.
const GRACE: Duration = Duration::from_millis(500);

/// Signals that wait to be handled. Also in a process whose number is 1, which ignores those for which
/// it has no handler (pid_namespaces(7)).
pub(super) struct Signals(iterator::Signals);

impl Signals {
    /// Queues the signals that end a verb, and `others`, from now on. nohup(1) has SIGHUP ignored, and
    /// that is left as it is.
    pub(super) fn listen(others: &[i32]) -> io::Result<Self> {
        let mut signals = [&[SIGINT, SIGTERM], others].concat();
        if !is_ignored(SIGHUP) {
            signals.push(SIGHUP);
        }
        iterator::Signals::new(signals).map(Self)
    }

    /// Calls `react` with each of them, on a thread of its own.
    pub(super) fn start(mut self, mut react: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || self.0.forever().for_each(&mut react))?;
        Ok(())
    }
}

/// Returns what the signals stop from now on; the wait for a reader of the output ends with it.
pub(super) fn stop(output: &Output) -> Result<Stop, Failure> {
    // Keeps descriptor 3 free for the first socket: the number that the lesson shows.
    let _low_numbers = io::pipe().map_err(failed)?;
    let stop = Stop::new().map_err(failed)?;
    end_on_signals(&stop, output, &[], || {}).map_err(failed)?;
    Ok(stop)
}

/// As [`stop`], for a run that reports on SIGQUIT, as ping(8) does.
pub(super) fn control(output: &Output) -> Result<Control, Failure> {
    let _low_numbers = io::pipe().map_err(failed)?;
    let stop = Stop::new().map_err(failed)?;
    let control = Control::with_stop(stop.clone()).map_err(failed)?;
    let reporting = control.clone();
    end_on_signals(&stop, output, &[SIGQUIT], move || reporting.report()).map_err(failed)?;
    Ok(control)
}

fn failed(source: io::Error) -> Failure {
    Failure::Local {
        operation: "listen for signals",
        source,
    }
}

fn end_on_signals(
    stop: &Stop,
    output: &Output,
    others: &[i32],
    report: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let (stop, end_output) = (stop.clone(), output.on_signal());
    Signals::listen(others)?.start(move |signal| {
        if signal == SIGQUIT {
            return report();
        }
        end_output();
        if stop.is_stopped() {
            stop.stop_at_once();
            thread::sleep(GRACE);
            low_level::exit(128 + signal);
        } else {
            stop.stop();
        }
    })
}

/// According to the kernel (proc_pid_status(5)); without /proc, it is not.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
