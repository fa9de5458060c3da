//! The parser: the arguments, with what applies to every verb and every flag.

use std::env;

use clap::builder::FalseyValueParser;
use clap::error::ContextKind;
use clap::{Arg, ArgAction, Command, CommandFactory, Error, FromArgMatches};

use super::help;
use super::verb::{Arguments, Verb};

/// Parses the command line.
pub(crate) fn parse() -> Result<Verb, Error> {
    let mut matches = command().try_get_matches()?;
    let arguments = Arguments::from_arg_matches_mut(&mut matches);
    Ok(arguments
        .map_err(|error| error.format(&mut command()))?
        .verb)
}

/// The variable that holds the value which `error` is about; `None` for one on the command line.
pub(crate) fn variable_of(error: &Error) -> Option<String> {
    let argument = error.get(ContextKind::InvalidArg)?;
    let is_typed = define(|argument| argument)
        .try_get_matches()
        .is_err_and(|other| other.get(ContextKind::InvalidArg) == Some(argument));
    let mut command = command();
    command.build();
    let mut arguments = command.get_subcommands().flat_map(Command::get_arguments);
    let found =
        arguments.find(|it| it.get_env().is_some() && it.to_string() == argument.to_string());
    let variable = found?.get_env()?.to_str()?;
    (!is_typed).then(|| variable.to_owned())
}

/// The definition from which the parser, the help, the man pages and the completions are made.
pub(crate) fn command() -> Command {
    define(with_environment_variable)
}

fn define(complete: fn(Arg) -> Arg) -> Command {
    let command = Arguments::command().after_help(help::after_long_help("bullhorn"));
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        if help::examples(&name).is_empty() {
            return verb;
        }
        verb.mut_args(complete)
            .after_help(help::AFTER_SHORT_HELP)
            .after_long_help(help::after_long_help(&name))
    })
}

/// `--rate-limit` by BULLHORN_RATE_LIMIT, the endpoint of a client by BULLHORN_ENDPOINT. An empty
/// variable counts as unset.
fn with_environment_variable(argument: Arg) -> Arg {
    let name = match (argument.get_long(), argument.get_id().as_str()) {
        (Some(long), _) => long,
        (None, id @ "endpoint") => id,
        (None, _) => return argument,
    };
    let variable = format!("BULLHORN_{}", name.to_uppercase().replace('-', "_"));
    if env::var_os(&variable).is_some_and(|value| value.is_empty()) {
        return argument;
    }
    let argument = argument.env(variable).hide_env(true);
    match argument.get_action() {
        ArgAction::SetTrue => argument.value_parser(FalseyValueParser::new()),
        _ => argument,
    }
}
