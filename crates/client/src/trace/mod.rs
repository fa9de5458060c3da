//! Where on the path a flow ends: probes of one flow with rising TTL, hop by hop, until a right
//! answer.
//!
//! In reading order: [`Settings`]; a `reply` is what comes back for one probe; a `round` sends one
//! probe for each TTL, over datagrams (`datagram`: one socket, many probes in flight) or by
//! connecting (`stream`: a socket for each TTL, one after the other); `hops` adds up the rounds, and
//! `names` finds the names of addresses meanwhile. A [`Trace`] is the result, with its [`Outcome`].
//!
//! What routers report comes from the error queue of the socket (IP_RECVERR, ip(7)), so no privilege
//! is needed. The flow has one source port, as a path may depend on it.

mod datagram;
mod hops;
mod names;
mod outcome;
mod reply;
mod round;
mod settings;
mod stream;
mod summary;

use std::time::Instant;

pub use outcome::Outcome;
pub use settings::Settings;
pub use summary::{Hop, HopAddress, Trace};

use crate::ask::candidates::Candidates;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::{Endpoint, Family, SocketType};
use bullhorn_socket::error::{Error, Operation, Result};
use datagram::DatagramProber;
use hops::Hops;
use names::Names;
use round::{NUMBERS_PER_ROUND, Round};
use stream::StreamProber;

/// Sends the probes of one round.
trait Prober {
    /// Probes until `round` is complete, `until`, or `stop`.
    fn run(&mut self, round: &mut Round, until: Option<Instant>, stop: &Stop) -> Result<()>;

    /// The address that it sends from, once it has sent.
    fn source(&self) -> Option<std::net::SocketAddr>;
}

/// Traces the path to `endpoint`, to the first address of a name, in rounds until their number, the
/// deadline or `stop` ends it.
///
/// # Errors
/// [`Error::InvalidSettings`]; [`Error::UnsuitableEndpoint`] also for a Unix socket, which has no
/// path; [`Error::TooLong`] when a text or its answer does not fit a datagram, [`Error::Resolve`];
/// [`Error::Socket`] when no socket can be used.
pub fn run(endpoint: &Endpoint, settings: &Settings, stop: &Stop) -> Result<Trace> {
    settings.check()?;
    settings.connect.check(endpoint)?;
    if endpoint.family() == Some(Family::Unix) {
        return Err(Error::UnsuitableEndpoint {
            endpoint: endpoint.clone(),
            problem: "is a Unix socket, which has no path to trace",
        });
    }
    let begin = Instant::now();
    let (family, options) = (settings.family, &settings.connect);
    let candidates = Candidates::resolve(endpoint, family, options, settings.timeout, stop)?;
    let target = candidates
        .as_slice()
        .first()
        .ok_or(Error::NoAddress)?
        .clone();
    let texts = ProbeTexts::with_random_nonce(settings.size, settings.filler.as_deref());
    target.check_length(texts.text_length().max(texts.expected_length()))?;
    let mut prober: Box<dyn Prober + '_> = match target.socket_type() {
        Some(SocketType::Stream) => Box::new(StreamProber::new(&target, settings, &texts)),
        _ => Box::new(DatagramProber::open(&target, settings, &texts)?),
    };
    let mut names = settings.names.then(Names::start).flatten();
    let until = settings.deadline.map(|deadline| begin + deadline);
    let mut hops = Hops::new(&target, settings.max_hops);
    for number in 0..settings.rounds {
        let intended = begin + settings.interval.saturating_mul(number as u32);
        if !wait(&target, intended, until, stop)? {
            break;
        }
        let mut round = Round::new(number * NUMBERS_PER_ROUND, hops.limit(), settings.timeout);
        prober.run(&mut round, until, stop)?;
        hops.add(&round, Instant::now());
        if let Some(names) = &mut names {
            hops.addresses().for_each(|address| names.ask(address));
        }
    }
    let names = names.map(|names| names.finish(stop)).unwrap_or_default();
    let (hops, ends) = hops.finish(&names);
    Ok(Trace {
        source: prober.source(),
        text_length: texts.text_length(),
        rounds: ends.rounds,
        answered: ends.answered,
        elapsed: begin.elapsed(),
        hops,
        outcome: ends.outcome(),
        outcome_ttl: ends.end.map(|(ttl, _)| ttl),
        endpoint: target,
    })
}

/// Waits for the time of the next round. False when the trace is to end before.
fn wait(target: &Endpoint, intended: Instant, until: Option<Instant>, stop: &Stop) -> Result<bool> {
    while !stop.is_stopped() {
        let now = Instant::now();
        if until.is_some_and(|until| until <= now) {
            return Ok(false);
        }
        let Some(rest) = intended
            .checked_duration_since(now)
            .filter(|it| !it.is_zero())
        else {
            return Ok(true);
        };
        let rest = until.map_or(rest, |until| rest.min(until - now));
        let waited = stop.wait_with(None, Some(rest));
        waited.map_err(|source| Error::socket(Operation::Receive, target, source))?;
    }
    Ok(false)
}
