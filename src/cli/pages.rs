//! The man pages and the completions, made from the definition of the arguments.

use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::arguments::{self, ENVIRONMENT};
use super::exit_code::ExitCode;
use super::failure::{Failure, Outcome};
use super::output::Output;

/// Pages of the Linux man-pages project.
const SOCKET_PAGES: [&str; 4] = ["socket(7)", "tcp(7)", "udp(7)", "unix(7)"];

/// Prints the completions for `shell`.
pub(super) fn completions(shell: clap_complete::Shell, output: &mut Output) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut arguments::command(), "bullhorn", &mut script);
    output.write(|to| to.write_all(&script));
    Ok(ExitCode::Success)
}

/// Prints the man page, or writes a page for the program and one for each verb.
pub(super) fn man(directory: Option<&Path>, output: &mut Output) -> Outcome {
    let mut program = arguments::command().disable_help_subcommand(true);
    program.build();
    match directory {
        None => output.write(|to| page(&program, &program, to)),
        Some(directory) => {
            write_pages(&program, directory)
                .map_err(Failure::file("write the man pages into", directory))?;
        }
    }
    Ok(ExitCode::Success)
}

fn write_pages(program: &Command, directory: &Path) -> io::Result<()> {
    for command in std::iter::once(program).chain(program.get_subcommands()) {
        let mut text = Vec::new();
        page(program, command, &mut text)?;
        std::fs::write(directory.join(format!("{}.1", name(command))), text)?;
    }
    Ok(())
}

/// `bullhorn-serve`
fn name(command: &Command) -> &str {
    let name = command.get_display_name();
    name.unwrap_or_else(|| command.get_name())
}

fn page(program: &Command, command: &Command, to: &mut dyn Write) -> io::Result<()> {
    let man = Man::new(command.clone());
    // Without a date, so that the same program always makes the same page.
    let (name, version) = (name(command), env!("CARGO_PKG_VERSION"));
    writeln!(
        to,
        ".TH {name} 1 \"\" \"bullhorn {version}\" \"Bullhorn Manual\""
    )?;
    man.render_name_section(to)?;
    let mut roff = Roff::new();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    roff.control("SH", ["SYNOPSIS"]).text([roman(usage)]);
    roff.to_writer(to)?;
    man.render_description_section(to)?;
    to.write_all(options(&man, command)?.as_bytes())?;
    if command.has_subcommands() {
        man.render_subcommands_section(to)?;
    }
    closing_sections(program, command).to_writer(to)
}

/// The options, with the headings of the help as subsections.
fn options(man: &Man, command: &Command) -> io::Result<String> {
    let mut text = Vec::new();
    man.render_options_section(&mut text)?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    for heading in command
        .get_arguments()
        .filter_map(|argument| argument.get_help_heading())
    {
        let upper = heading.to_uppercase();
        for written in [format!(".SH {upper}\n"), format!(".SH \"{upper}\"\n")] {
            text = text.replace(&written, &format!(".SS \"{heading}\"\n"));
        }
    }
    Ok(text)
}

fn closing_sections(program: &Command, command: &Command) -> Roff {
    let mut roff = Roff::new();
    let has_flags = command
        .get_arguments()
        .any(|argument| argument.get_env().is_some());
    if has_flags {
        let environment = ENVIRONMENT.replace('\n', " ");
        roff.control("SH", ["ENVIRONMENT"])
            .text([roman(environment)]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    for code in ExitCode::ALL {
        roff.control("TP", ["4"]);
        roff.text([bold(code.code().to_string())])
            .text([roman(code.to_string())]);
    }
    let examples = arguments::examples(command.get_name());
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
    }
    for (example, purpose) in examples {
        roff.control("TP", []);
        roff.text([roman(format!("{purpose}:"))]);
        roff.text([bold(*example)]);
    }
    let pages = std::iter::once(program).chain(program.get_subcommands());
    let others = pages.filter(|other| name(other) != name(command));
    let others = others.map(|other| format!("{}(1)", name(other)));
    let mut all: Vec<String> = others.collect();
    if has_flags {
        all.extend(SOCKET_PAGES.map(str::to_owned));
    }
    roff.control("SH", ["SEE ALSO"])
        .text([roman(all.join(", "))]);
    roff
}
