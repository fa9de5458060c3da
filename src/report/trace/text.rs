//! A trace as a table: a line for each hop, and one that says how the path ends.

use std::io::{self, Write};
use std::time::Duration;

use crate::report::named::Named;
use crate::report::units::{milliseconds, nanoseconds};
use bullhorn_client::trace::{Hop, HopAddress, Outcome, Trace};
use bullhorn_socket::Reporter;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::visible::VisibleLines;

/// ```text
/// trace udp://192.0.2.7:3000 from 198.51.100.2:41234: 64-byte messages, 1 round
///  1  198.51.100.1  0.041 ms
///  2  *
///  3  192.0.2.7     0.120 ms
/// hop 3: answered: the path and the service work
/// ```
pub(crate) fn trace_text(to: &mut dyn Write, given: &Endpoint, trace: &Trace) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    let named = Named {
        given,
        endpoint: &trace.endpoint,
    };
    write!(to, "trace {named}")?;
    if let Some(source) = trace.source {
        write!(to, " from {source}")?;
    }
    let (length, rounds) = (trace.text_length, trace.rounds);
    let noun = if rounds == 1 { "round" } else { "rounds" };
    writeln!(to, ": {length}-byte messages, {rounds} {noun}")?;
    let addresses: Vec<String> = trace.hops.iter().map(addresses_text).collect();
    let width = addresses.iter().map(|it| it.chars().count()).max();
    for (hop, addresses) in trace.hops.iter().zip(&addresses) {
        let figures = match rounds {
            1 => hop
                .min
                .map(|it| format!("{} ms", in_ms(it)))
                .unwrap_or_default(),
            _ => figures_text(hop),
        };
        let report = match hop.report {
            Some(error) => format!("  {error}"),
            None => String::new(),
        };
        let width = width.unwrap_or(0);
        let line = format!("{:>2}  {addresses:width$}  {figures}{report}", hop.ttl);
        writeln!(to, "{}", line.trim_end())?;
    }
    writeln!(to, "{}", outcome_text(trace))
}

/// `192.0.2.1 (gateway.example), 192.0.2.2`, or `*` where nothing replied.
fn addresses_text(hop: &Hop) -> String {
    let text = |it: &HopAddress| match &it.name {
        Some(name) => format!("{} ({name})", it.address),
        None => it.address.to_string(),
    };
    let all: Vec<String> = hop.addresses.iter().map(text).collect();
    match all.as_slice() {
        [] => "*".to_owned(),
        _ => all.join(", "),
    }
}

/// `2 of 10 lost, min/mean/max 0.041/0.050/0.071 ms`
fn figures_text(hop: &Hop) -> String {
    let lost = format!("{} of {} lost", hop.lost(), hop.sent);
    match (hop.min, hop.mean(), hop.max) {
        (Some(min), Some(mean), Some(max)) => {
            let [min, mean, max] = [min, mean, max].map(in_ms);
            format!("{lost}, min/mean/max {min}/{mean}/{max} ms")
        }
        _ => lost,
    }
}

fn outcome_text(trace: &Trace) -> String {
    let outcome = &trace.outcome;
    if let Outcome::Reported(error) = outcome
        && error.reporter == Reporter::Ourselves
    {
        return format!("this machine: {outcome}");
    }
    match (outcome, trace.outcome_ttl, trace.hops.last()) {
        (Outcome::Answered, Some(ttl), _) if trace.answered < trace.rounds => {
            let (answered, rounds) = (trace.answered, trace.rounds);
            format!("hop {ttl}: answered in {answered} of {rounds} rounds")
        }
        (_, Some(ttl), _) => format!("hop {ttl}: {outcome}"),
        (_, None, Some(last)) => {
            let (ttl, addresses) = (last.ttl, addresses_text(last));
            format!("after hop {ttl} ({addresses}): {outcome}")
        }
        (_, None, None) => format!("no hop replied: {outcome}"),
    }
}

fn in_ms(duration: Duration) -> String {
    milliseconds(nanoseconds(duration))
}
