//! The signals that end a client verb: SIGINT, SIGTERM and SIGHUP, which mean the same.
//!
//! The first stops the work, and the summary follows; the second does so at once, and what has not
//! ended a moment later is not waited for. SIGQUIT asks `ping` how it stands.

use std::io;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use super::failure::Failure;
use super::output::Output;
use bullhorn_client::ping::Control;
use bullhorn_socket::Stop;

/// How long the second signal leaves for a summary.
const GRACE: Duration = Duration::from_millis(500);

/// What the signals stop from now on, the wait for a reader of the output with it; also in a process whose number is 1, which without a handler
/// ignores them (pid_namespaces(7)).
pub(super) fn stop(output: &mut Output) -> Result<Stop, Failure> {
    // Keeps descriptor 3 free for the first socket: the number that the lesson shows.
    let _low_numbers = io::pipe().map_err(failed)?;
    let stop = Stop::new().map_err(failed)?;
    output.end_on(stop.clone());
    listen(&ending(), stop.clone(), || {}).map_err(failed)?;
    Ok(stop)
}

/// As [`stop`], for a run that SIGQUIT asks for a report, as with ping(8).
pub(super) fn control(output: &mut Output) -> Result<Control, Failure> {
    let _low_numbers = io::pipe().map_err(failed)?;
    let stop = Stop::new().map_err(failed)?;
    output.end_on(stop.clone());
    let control = Control::with_stop(stop.clone()).map_err(failed)?;
    let reporting = control.clone();
    let signals = [&[SIGQUIT][..], &ending()].concat();
    listen(&signals, stop, move || reporting.report()).map_err(failed)?;
    Ok(control)
}

fn failed(source: io::Error) -> Failure {
    Failure::Local {
        operation: "listen for signals",
        source,
    }
}

/// The signals that end a verb. nohup(1) has SIGHUP ignored, and so it stays.
pub(super) fn ending() -> Vec<i32> {
    let mut signals = vec![SIGINT, SIGTERM];
    if !is_ignored(SIGHUP) {
        signals.push(SIGHUP);
    }
    signals
}

/// As the kernel tells (proc_pid_status(5)); without /proc, it is not.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

fn listen(signals: &[i32], stop: Stop, report: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new(signals)?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if signal == SIGQUIT {
                    report();
                } else if stop.is_stopped() {
                    stop.stop_at_once();
                    thread::sleep(GRACE);
                    low_level::exit(128 + signal);
                } else {
                    stop.stop();
                }
            }
        })?;
    Ok(())
}
