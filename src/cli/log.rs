//! Where the library's events go: standard error, a line each.

use std::fmt;
use std::io::{self, Write};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::arguments::Speech;
use crate::endpoint::{Endpoint, Host};
use crate::visible::{Visible, VisibleLines};

/// Shows warnings, with `-v` requests and answers, with `-vv` socket calls; with `-q` errors alone.
pub(super) fn start(speech: &Speech) {
    let level = match (speech.quiet, speech.verbose) {
        (true, _) => Level::ERROR,
        (false, 0) => Level::WARN,
        (false, 1) => Level::DEBUG,
        (false, _) => Level::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .event_format(PlainLine)
        .finish();
    // Fails only when a subscriber is there already, and then events go to that one.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Says which address is asked, when a name was given.
pub(super) fn using(endpoint: &Endpoint, given: &Endpoint, speech: &Speech) {
    let was_named = matches!(
        given,
        Endpoint::Internet {
            host: Host::Name(_),
            ..
        }
    );
    if was_named && !speech.quiet {
        let _ = writeln!(VisibleLines(io::stderr()), "bullhorn: using {endpoint}");
    }
}

/// The message alone; a warning says that it is one.
struct PlainLine;

impl<S, N> FormatEvent<S, N> for PlainLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match *event.metadata().level() {
            Level::ERROR => writer.write_str("bullhorn: ")?,
            Level::WARN => writer.write_str("bullhorn: warning: ")?,
            _ => {}
        }
        let mut message = String::new();
        context
            .field_format()
            .format_fields(Writer::new(&mut message), event)?;
        writeln!(writer, "{}", Visible(&message))
    }
}
