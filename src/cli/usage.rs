//! A command line that cannot be parsed: one line with the reason, instead of the parser's
//! paragraphs.

use std::error::Error as _;
use std::io;
use std::num::ParseIntError;

use anstream::{AutoStream, ColorChoice};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::arguments::variable_of;
use super::exit_code::ExitCode;
use super::output::Output;
use super::stderr;
use bullhorn_socket::endpoint::ParseEndpointError;
use bullhorn_socket::visible::Visible;

/// Prints the one line or the requested help, and returns the exit code.
pub(super) fn show(error: &clap::Error, output: &mut Output) -> ExitCode {
    match line(error) {
        Some(line) => stderr::line(format_args!("bullhorn: {line}")),
        None if error.use_stderr() => {
            let choice = AutoStream::choice(&io::stderr());
            stderr::print(|to| to.write_all(help(error, choice).as_bytes()));
        }
        None => {
            let choice = AutoStream::choice(&io::stdout());
            output.write(|to| to.write_all(help(error, choice).as_bytes()));
        }
    }
    match error.exit_code() {
        0 => ExitCode::Success,
        _ => ExitCode::Usage,
    }
}

fn help(error: &clap::Error, choice: ColorChoice) -> String {
    let help = error.render();
    match choice {
        ColorChoice::Never => help.to_string(),
        _ => help.ansi().to_string(),
    }
}

/// The one line; `None` where help is printed instead: `--help`, `--version`, no verb.
fn line(error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        _ => {}
    }
    let reason = refused_value(error).unwrap_or_else(|| first_paragraphs(error));
    let variable = variable_of(error).map(|variable| format!("{variable}: "));
    let line = variable.unwrap_or_default() + &reason;
    Some(Visible(&line).to_string())
}

/// The error of a value's own parser. An endpoint's is complete; others need the flag and the value.
fn refused_value(error: &clap::Error) -> Option<String> {
    let source = error.source()?;
    if source.is::<ParseEndpointError>() {
        return Some(source.to_string());
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg)?;
    let value = text(ContextKind::InvalidValue)?;
    let reason = reason(source);
    Some(format!("invalid value {value:?} for {argument}: {reason}"))
}

/// The reason in words, where the parser has symbols: `0 is not in 1..=4096`.
fn reason(source: &(dyn std::error::Error + 'static)) -> String {
    let text = source.to_string();
    if source.is::<ParseIntError>() {
        return "not a whole number in range".to_owned();
    }
    match text
        .split_once(" is not in ")
        .and_then(|(_, range)| range.split_once(".."))
    {
        Some((low, high)) => match high.strip_prefix('=') {
            Some(high) => format!("must be from {low} to {high}"),
            None => format!("must be at least {low}"),
        },
        None => text,
    }
}

/// The parser's text up to its usage, its lines joined to one.
fn first_paragraphs(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let paragraphs = text
        .split("\n\n")
        .take_while(|part| !part.starts_with("Usage:") && !part.starts_with("For more"));
    let mut line = paragraphs
        .map(|part| {
            let lines: Vec<_> = part.lines().map(str::trim).collect();
            lines.join(" ")
        })
        .collect::<Vec<_>>();
    line.push("try --help".to_owned());
    line.join("; ")
}
