//! `bullhorn send`: texts from the arguments, from standard input, or from a prompt.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use super::arguments::Send;
use super::{Failure, Outcome, log, prompt, signals};
use crate::client::{self, Client, Given, Lines, Observer, Texts};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::report::send as report;

pub(super) fn run(arguments: &Send) -> Outcome {
    log::start(&arguments.speech);
    let stop = signals::stop()?;
    let client = Client::with_stop(&arguments.endpoint, arguments.settings(), stop.clone())
        .map_err(|error| explain_first_argument(error, arguments))?;
    if arguments.texts.is_empty() && io::stdin().is_terminal() {
        return prompt::run(client, arguments, stop);
    }
    let mut printer = Printer::new(arguments, client.endpoint().clone());
    let mut texts = source(arguments)?;
    let result = client.exchange(texts.as_mut(), &mut printer);
    // A failed output ends the exchange as well, and is the better reason.
    printer.finish(result)
}

fn source(arguments: &Send) -> Result<Box<dyn Texts>, Failure> {
    if !arguments.texts.is_empty() {
        let texts = arguments.texts.iter().map(|text| text.as_bytes().to_vec());
        return Ok(Box::new(Given::new(texts)));
    }
    let descriptor = io::stdin().as_fd().try_clone_to_owned();
    let descriptor = descriptor.map_err(|source| Failure::Local {
        operation: "read standard input",
        source,
    })?;
    Ok(Box::new(Lines::new(File::from(descriptor))))
}

/// `bullhorn send hello` asks a host named hello, which is seldom what was meant.
fn explain_first_argument(error: Error, arguments: &Send) -> Failure {
    match error {
        Error::Resolve { name, reason } if arguments.texts.is_empty() => {
            Failure::Library(Error::Resolve {
                reason: format!(
                    "{reason} (the first argument is the endpoint: bullhorn send {} {name})",
                    Endpoint::default()
                ),
                name,
            })
        }
        error => error.into(),
    }
}

/// Prints each outcome, counts them, and makes the exit code.
struct Printer<'a> {
    arguments: &'a Send,
    endpoint: Endpoint,
    visible: bool,
    counts: report::Counts,
    /// The first failure, and whether all others had its exit code.
    first_failure: Option<(u8, bool)>,
    output_error: Option<io::Error>,
}

impl<'a> Printer<'a> {
    fn new(arguments: &'a Send, endpoint: Endpoint) -> Self {
        Self {
            arguments,
            endpoint,
            visible: io::stdout().is_terminal(),
            counts: report::Counts::default(),
            first_failure: None,
            output_error: None,
        }
    }

    fn print(&mut self, outcome: &client::Outcome) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let number = outcome.number;
        let error = match &outcome.result {
            Ok(answer) => {
                if self.arguments.speech.json {
                    report::outcome_json(&mut stdout, outcome)?;
                } else if self.visible {
                    report::answer_visible(&mut stdout, answer)?;
                } else {
                    report::answer_raw(&mut stdout, answer)?;
                }
                let Some(problem) = answer.problem() else {
                    self.counts.right += 1;
                    return Ok(());
                };
                self.counts.wrong += 1;
                &Error::WrongAnswer {
                    endpoint: self.endpoint.clone(),
                    problem: problem.to_owned(),
                }
            }
            Err(error) => {
                if self.arguments.speech.json {
                    report::outcome_json(&mut stdout, outcome)?;
                }
                self.counts.failed += 1;
                error
            }
        };
        let code = error.exit_code();
        self.first_failure = match self.first_failure {
            None => Some((code, true)),
            Some((first, alike)) => Some((first, alike && first == code)),
        };
        report::failure_text(&mut io::stderr(), number, error)
    }

    fn finish(self, result: crate::error::Result<()>) -> Outcome {
        if let Some(error) = self.output_error {
            return Err(Failure::Output(error));
        }
        result?;
        let report::Counts {
            right,
            wrong,
            failed,
        } = self.counts;
        let mut stdout = io::stdout().lock();
        if self.arguments.speech.json {
            report::summary_json(&mut stdout, &self.endpoint, &self.counts)
                .map_err(Failure::Output)?;
        }
        stdout.flush().map_err(Failure::Output)?;
        if self.arguments.keep_going && wrong + failed > 0 && !self.arguments.speech.quiet {
            let texts = right + wrong + failed;
            let _ = writeln!(
                io::stderr(),
                "bullhorn: of {texts} texts {right} were answered right, {wrong} wrong, {failed} not at all"
            );
        }
        Ok(match self.first_failure {
            None => 0,
            Some(_) if wrong > 0 => 3,
            // With an answer to some of them, the endpoint is there, and the loss is partial.
            Some(_) if right > 0 && self.arguments.keep_going => 1,
            Some((code, true)) => code,
            Some((code, false)) if !self.arguments.keep_going => code,
            Some(_) => 1,
        })
    }
}

impl Observer for Printer<'_> {
    fn using(&mut self, endpoint: &Endpoint) {
        self.endpoint = endpoint.clone();
        log::using(endpoint, &self.arguments.endpoint, &self.arguments.speech);
    }

    fn outcome(&mut self, outcome: client::Outcome) -> ControlFlow<()> {
        if let Err(error) = self.print(&outcome) {
            self.output_error = Some(error);
            return ControlFlow::Break(());
        }
        if self.first_failure.is_some() && !self.arguments.keep_going {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
