//! `bullhorn ping --sweep`: from the arguments to the largest message that passes.

use super::arguments::{Ping, SizeRange};
use super::exit_code::ExitCode;
use super::failure::Outcome;
use super::output::Output;
use super::{log, signals};
use crate::report::sweep as report;

pub(super) fn run(arguments: &Ping, sizes: SizeRange, output: &mut Output) -> Outcome {
    let flags = &arguments.output;
    log::start(flags);
    let stop = signals::stop(output)?;
    output.never_wait();
    let settings = arguments.sweep_settings(sizes);
    let endpoint = &arguments.endpoint;
    let summary = bullhorn_client::sweep::run(endpoint, &settings, &stop, &mut |event| match (
        flags.json,
        flags.quiet,
    ) {
        (true, _) => output.event(|to| report::event_json(to, event)),
        (_, true) => {}
        _ => output.event(|to| report::event_text(to, event)),
    })?;
    output.write(|to| match flags.json {
        true => report::summary_json(to, &summary),
        false => report::summary_text(to, &summary),
    });
    Ok(ExitCode::of_sweep(&summary))
}
