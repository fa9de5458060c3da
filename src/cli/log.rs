//! Prints the library's events to standard error, one line each.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::arguments::OutputFlags;
use super::stderr;
use bullhorn_socket::endpoint::{Endpoint, Host};
use bullhorn_socket::visible::Visible;

/// Prints warnings, with `-v` also requests and answers, with `-vv` also socket calls; with `-q` only
/// errors.
pub(super) fn start(flags: &OutputFlags) {
    listen(flags);
    stderr::start();
}

/// As [`start`], but nothing is written before [`stderr::start`].
pub(super) fn listen(flags: &OutputFlags) {
    let level = match (flags.quiet, flags.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    // Fails only if there is a subscriber already, which then gets the events.
    let _ = tracing::subscriber::set_global_default(Lines(level));
}

/// Prints the address in use when a name was given.
pub(super) fn using(endpoint: &Endpoint, given: &Endpoint, flags: &OutputFlags) {
    let was_named = matches!(
        given,
        Endpoint::Internet {
            host: Host::Name(_),
            ..
        }
    );
    if was_named && !flags.quiet {
        stderr::line(format_args!("bullhorn: using {endpoint}"));
    }
}

/// Turns each event into a line: its message, after the level of an error or a warning.
struct Lines(LevelFilter);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.0 && !metadata.is_span()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(match *event.metadata().level() {
            Level::ERROR => "bullhorn: ".to_owned(),
            Level::WARN => "bullhorn: warning: ".to_owned(),
            _ => String::new(),
        });
        event.record(&mut line);
        stderr::log(format!("{}\n", Visible(&line.0)).as_bytes());
    }

    // There are no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Nothing fails to be written to memory.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
