//! `bullhorn send`: texts from the arguments, from standard input, or from a prompt.

mod prompt;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use super::arguments::Send;
use super::exit_code::ExitCode;
use super::failure::{Failure, Outcome};
use super::hints::WithHint;
use super::output::Output;
use super::stderr;
use super::{log, signals};
use crate::report::send as report;
use bullhorn_client::request::{Client, Lines, Observer, TextList, Texts};
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Error;

pub(super) fn run(arguments: &Send, output: &mut Output) -> Outcome {
    log::start(&arguments.output);
    let stop = signals::stop(output)?;
    let client = Client::with_stop(&arguments.endpoint, arguments.settings(), stop.clone())
        .map_err(|error| explain_first_argument(error, arguments))?;
    // The editor draws its prompt on standard output, which otherwise carries only answers.
    let is_dialogue = io::stdin().is_terminal() && io::stdout().is_terminal();
    if arguments.texts.is_empty() && is_dialogue {
        return prompt::run(client, arguments, stop, output);
    }
    let mut printer = Printer::new(arguments, client.endpoint().clone(), output);
    let mut texts = source(arguments)?;
    client.exchange(texts.as_mut(), &mut printer)?;
    Ok(printer.finish())
}

fn source(arguments: &Send) -> Result<Box<dyn Texts>, Failure> {
    if !arguments.texts.is_empty() {
        let texts = arguments.texts.iter().map(|text| text.as_bytes().to_vec());
        return Ok(Box::new(TextList::new(texts)));
    }
    let descriptor = io::stdin().as_fd().try_clone_to_owned();
    let descriptor = descriptor.map_err(|source| Failure::Local {
        operation: "read standard input",
        source,
    })?;
    Ok(Box::new(Lines::new(File::from(descriptor))))
}

/// `bullhorn send hello` sends to a host named hello, which is rarely what was meant.
fn explain_first_argument(error: Error, arguments: &Send) -> Failure {
    match error {
        Error::Resolve { ref name, .. } if arguments.texts.is_empty() => {
            Failure::NotResolved(format!(
                "{} (the first argument is the endpoint: bullhorn send {} {name})",
                WithHint(&error),
                Endpoint::default()
            ))
        }
        error => error.into(),
    }
}

/// Prints each outcome, counts them, and determines the exit code.
struct Printer<'a> {
    arguments: &'a Send,
    endpoint: Endpoint,
    visible: bool,
    counts: report::Counts,
    /// The first failure, and whether all others had its exit code.
    first_failure: Option<(ExitCode, bool)>,
    output: &'a mut Output,
}

impl<'a> Printer<'a> {
    fn new(arguments: &'a Send, endpoint: Endpoint, output: &'a mut Output) -> Self {
        Self {
            arguments,
            endpoint,
            visible: io::stdout().is_terminal(),
            counts: report::Counts::default(),
            first_failure: None,
            output,
        }
    }

    fn print(&mut self, outcome: &bullhorn_client::request::Outcome) {
        stderr::settle();
        if self.arguments.output.json {
            let code = |error: &Error| ExitCode::from(error).code();
            self.output
                .write(|to| report::outcome_json(to, outcome, code));
        } else if let Ok(answer) = &outcome.result {
            let visible = self.visible;
            self.output.write(|to| match visible {
                true => report::answer_visible(to, answer),
                false => report::answer_raw(to, answer),
            });
        }
    }

    fn count(&mut self, outcome: &bullhorn_client::request::Outcome) {
        let error = match &outcome.result {
            Ok(answer) => {
                let Some(problem) = answer.problem() else {
                    self.counts.right += 1;
                    return;
                };
                self.counts.wrong += 1;
                &Error::WrongAnswer {
                    endpoint: self.endpoint.clone(),
                    problem: problem.to_string(),
                }
            }
            Err(error) => {
                self.counts.failed += 1;
                error
            }
        };
        let code = ExitCode::from(error);
        self.first_failure = match self.first_failure {
            None => Some((code, true)),
            Some((first, alike)) => Some((first, alike && first == code)),
        };
        // Where both go to one terminal, earlier answers are shown before the error.
        self.output.flush();
        stderr::print(|to| report::failure_text(to, outcome.number, error));
    }

    fn finish(self) -> ExitCode {
        let report::Counts {
            right,
            wrong,
            failed,
        } = self.counts;
        if self.arguments.output.json {
            let given = &self.arguments.endpoint;
            self.output
                .write(|to| report::summary_json(to, given, &self.endpoint, &self.counts));
        }
        if self.arguments.keep_going && wrong + failed > 0 && !self.arguments.output.quiet {
            let texts = right + wrong + failed;
            self.output.flush();
            stderr::line(format_args!(
                "bullhorn: {texts} sent: {right} correct, {wrong} wrong, {failed} unanswered"
            ));
        }
        match self.first_failure {
            None => ExitCode::Success,
            Some(_) if wrong > 0 => ExitCode::WrongAnswer,
            // If some were answered, the endpoint works, and the loss is partial.
            Some(_) if right > 0 && self.arguments.keep_going => ExitCode::Partial,
            Some((code, true)) => code,
            Some((code, false)) if !self.arguments.keep_going => code,
            Some(_) => ExitCode::Partial,
        }
    }
}

impl Observer for Printer<'_> {
    fn using(&mut self, endpoint: &Endpoint) {
        self.endpoint = endpoint.clone();
        log::using(endpoint, &self.arguments.endpoint, &self.arguments.output);
    }

    fn outcome(&mut self, outcome: bullhorn_client::request::Outcome) -> ControlFlow<()> {
        self.print(&outcome);
        self.count(&outcome);
        if self.first_failure.is_some() && !self.arguments.keep_going {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
