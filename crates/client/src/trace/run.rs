//! A trace from the endpoint to its result.

use std::time::Instant;

use super::datagram::DatagramProber;
use super::hops::Hops;
use super::names::Names;
use super::prober::Prober;
use super::round::{NUMBERS_PER_ROUND, Round};
use super::settings::Settings;
use super::stream::StreamProber;
use super::summary::Trace;
use crate::ask::candidates::Candidates;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::{Endpoint, Family, Protocol, SocketType};
use bullhorn_socket::error::{Error, Operation, Result};

/// Traces the path to `endpoint`, to the first address of a name, in rounds until their number, the
/// deadline or `stop` ends it.
///
/// # Errors
/// [`Error::InvalidSettings`]; [`Error::UnsuitableEndpoint`] also for a Unix socket, which has no
/// path, and for MPTCP; [`Error::TooLong`] when a text or its answer does not fit a datagram, [`Error::Resolve`];
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
    if endpoint.protocol() == Protocol::Mptcp {
        return Err(Error::UnsuitableEndpoint {
            endpoint: endpoint.clone(),
            problem: "is MPTCP, whose sockets have no TTL option in Linux; trace tcp://",
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
        outcome_ttl: ends.hop(),
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
