//! A command line that cannot be read: one line that says why, instead of the parser's paragraphs.

use std::error::Error as _;
use std::io;

use anstream::{AutoStream, ColorChoice};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::exit_code::ExitCode;
use super::output::Output;
use super::stderr;
use bullhorn_socket::endpoint::ParseEndpointError;
use bullhorn_socket::visible::Visible;

/// Prints the one line, or the help that was asked for, and returns the exit code.
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

/// The one line, or `None` for what is no failure or is help: `--help`, `--version`, no verb.
fn line(error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        _ => {}
    }
    let reason = refused_value(error).unwrap_or_else(|| first_paragraphs(error));
    Some(Visible(&reason).to_string())
}

/// What a value's own parser said. An endpoint's says it all; others are told what it is about.
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
    Some(format!("{value:?} is no value for {argument}: {source}"))
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
