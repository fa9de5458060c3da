//! `bullhorn ping --trace`: from the arguments to the hops of the path.

use super::arguments::Ping;
use super::exit_code::ExitCode;
use super::failure::Outcome;
use super::output::Output;
use super::{input_file, log, signals};
use crate::report::trace as report;

pub(super) fn run(arguments: &Ping, output: &mut Output) -> Outcome {
    log::start(&arguments.output);
    let stop = signals::stop(output)?;
    let filler = arguments
        .text
        .as_deref()
        .map(input_file::read)
        .transpose()?;
    let settings = arguments.trace_settings(filler);
    let endpoint = &arguments.endpoint;
    let trace = bullhorn_client::trace::run(endpoint, &settings, &stop)?;
    output.write(|to| match arguments.output.json {
        true => report::trace_json(to, endpoint, &trace),
        false => report::trace_text(to, endpoint, &trace),
    });
    Ok(ExitCode::of_trace(&trace))
}
