//! The parser: the arguments, with what applies to every verb and every flag.

use clap::builder::FalseyValueParser;
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

/// The definition from which the parser, the help, the man pages and the completions are made.
pub(crate) fn command() -> Command {
    let command = Arguments::command().after_help(help::after_long_help("bullhorn"));
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        if help::examples(&name).is_empty() {
            return verb;
        }
        verb.mut_args(with_environment_variable)
            .after_help(help::AFTER_SHORT_HELP)
            .after_long_help(help::after_long_help(&name))
    })
}

/// `--rate-limit` by BULLHORN_RATE_LIMIT.
fn with_environment_variable(argument: Arg) -> Arg {
    let Some(long) = argument.get_long() else {
        return argument;
    };
    let variable = format!("BULLHORN_{}", long.to_uppercase().replace('-', "_"));
    let argument = argument.env(variable).hide_env(true);
    match argument.get_action() {
        ArgAction::SetTrue => argument.value_parser(FalseyValueParser::new()),
        _ => argument,
    }
}
