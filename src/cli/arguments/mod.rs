//! The arguments as they are typed: the one definition from which the parser, the help, the man
//! pages and the completions are made. There is one file per verb, one per group of flags, and
//! `values` for the types of their values.

mod bench;
mod command;
mod connect_flags;
mod demo;
mod family_flags;
mod guard;
mod help;
mod output_flags;
mod ping;
mod send;
mod serve;
mod streams;
mod values;
mod verb;

pub(crate) use self::bench::Bench;
pub(crate) use self::command::{command, parse, variable_of};
pub(crate) use self::demo::Demo;
pub(crate) use self::help::{ENVIRONMENT, examples};
pub(crate) use self::output_flags::OutputFlags;
pub(crate) use self::ping::Ping;
pub(crate) use self::send::Send;
pub(crate) use self::serve::Serve;
pub(crate) use self::values::SizeRange;
pub(crate) use self::verb::Verb;
