//! One line for each event.

use std::fmt;
use std::io::{self, Write};
use std::time::Instant;

use super::outage::{OfFlow, OutageText};
use crate::report::named::Named;
use crate::report::units::{milliseconds, nanoseconds, round, seconds};
use bullhorn_client::ping::Begin;
use bullhorn_client::ping::{ArrivalKind, Event, FlowDiagnosis, Loss};
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::visible::VisibleLines;

/// `ping udp://127.0.0.1:3000 from 127.0.0.1:45678: 64-byte messages, one every 1 s`
pub(crate) fn begin_text(to: &mut dyn Write, begin: &Begin<'_>) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    let (from, flows) = match (begin.flows, begin.sources.as_slice()) {
        _ if begin.reconnects => (String::new(), ", each over a new connection".to_owned()),
        (1, [Some(source)]) => (format!(" from {source}"), String::new()),
        (1, _) => (String::new(), String::new()),
        (flows, _) => (String::new(), format!(", over {flows} flows in turn")),
    };
    writeln!(
        to,
        "ping {}{from}: {}-byte messages, one every {}{flows}",
        Named {
            given: begin.given,
            endpoint: begin.endpoint
        },
        begin.text_length,
        round(nanoseconds(begin.interval))
    )
}

/// One line for one event, in the manner of ping(8).
pub(crate) fn event_text(
    to: &mut dyn Write,
    endpoint: &Endpoint,
    begin: Instant,
    event: &Event,
) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    match event {
        Event::Answer { .. } => answer_text(to, endpoint, event),
        Event::Stray {
            length, excerpt, ..
        } => writeln!(
            to,
            "{length} bytes from {endpoint}: matches no probe; received {excerpt}"
        ),
        Event::Lost { number, loss, .. } => {
            writeln!(to, "seq={number} lost: {}", LossText(loss))
        }
        Event::LossExplained { number, error, .. } => {
            writeln!(to, "seq={number} was lost: {error}")
        }
        Event::Skipped { probes, delay } => writeln!(
            to,
            "skipped {probes} probe{}: the prober itself was stopped or held up for {}",
            if *probes == 1 { "" } else { "s" },
            seconds(*delay)
        ),
        Event::OutageBegan(outage) => writeln!(
            to,
            "outage{} since seq={}: {} lost in a row",
            OfFlow(outage.flow),
            outage.first_number,
            outage.lost
        ),
        Event::OutageEnded(outage) => {
            let (start, now) = (begin, Instant::now());
            writeln!(to, "outage ended: {}", OutageText { outage, start, now })
        }
        Event::AddressChanged {
            given,
            from,
            to: new,
        } => {
            writeln!(to, "{given} now resolves to {new}, and no longer to {from}")
        }
        Event::LocalAddressChanged {
            flow,
            from,
            to: new,
        } => writeln!(
            to,
            "local address{} changed from {from} to {}; the flow was reopened",
            OfFlow(*flow),
            new.ip()
        ),
        Event::FlowDiagnosed { flow, diagnosis } => diagnosis_text(to, *flow, diagnosis),
        Event::OnlyLargeLost { flow, passed, lost } => writeln!(
            to,
            "only messages above {passed} bytes are lost{} ({passed} get through, {lost} do not): \
             MTU or fragments",
            OfFlow(*flow)
        ),
        _ => Ok(()),
    }
}

/// `4 of 8 new source ports get answers (time=0.123 ms) and the old one does not: ...`
fn diagnosis_text(to: &mut dyn Write, flow: usize, diagnosis: &FlowDiagnosis) -> io::Result<()> {
    let FlowDiagnosis {
        problem,
        tried,
        answered,
        round_trip,
        ..
    } = diagnosis;
    let Some(round_trip) = round_trip else {
        return writeln!(to, "0 of {tried} new source ports get answers: {problem}");
    };
    let time = milliseconds(nanoseconds(*round_trip));
    writeln!(
        to,
        "{answered} of {tried} new source ports get answers (time={time} ms) and the old one{} does \
         not: {problem}",
        OfFlow(flow)
    )
}

/// `64 bytes from udp://127.0.0.1:3000: seq=7 time=0.042 ms`, and what is unusual about it.
fn answer_text(to: &mut dyn Write, endpoint: &Endpoint, event: &Event) -> io::Result<()> {
    let Event::Answer {
        number,
        length,
        round_trip,
        connect_time,
        kind,
        reordered,
        problem,
        ..
    } = event
    else {
        return Ok(());
    };
    write!(to, "{length} bytes from {endpoint}: seq={number}")?;
    if let Some(connect_time) = connect_time {
        let ms = milliseconds(nanoseconds(*connect_time));
        write!(to, " connect={ms} ms")?;
    }
    if let Some(round_trip) = round_trip {
        write!(to, " time={} ms", milliseconds(nanoseconds(*round_trip)))?;
    }
    match kind {
        ArrivalKind::InTime => {}
        ArrivalKind::Late => write!(to, " late")?,
        ArrivalKind::Duplicate => write!(to, " duplicate")?,
    }
    if *reordered {
        write!(to, " reordered")?;
    }
    if let Some(problem) = problem {
        write!(to, " WRONG: {problem}")?;
    }
    writeln!(to)
}

struct LossText<'a>(&'a Loss);

impl fmt::Display for LossText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Loss::Timeout => write!(f, "no answer in time"),
            Loss::NotConnected => write!(f, "no connection in time"),
            Loss::Path(error) => write!(f, "{error}"),
            Loss::Closed => write!(f, "the connection was closed before the answer"),
            Loss::Displaced => write!(f, "too many later probes are in flight"),
            Loss::Unsent(reason) => write!(f, "not sent: {reason}"),
            #[allow(unreachable_patterns, reason = "may grow")]
            loss => write!(f, "{}", loss.name()),
        }
    }
}
