//! Adds up the rounds of a trace.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::outcome::Outcome;
use super::reply::Reply;
use super::round::Round;
use super::summary::{Hop, HopAddress};
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::{Address, Reporter};

/// The rounds so far.
#[derive(Debug)]
pub(super) struct Hops {
    max: u8,
    target: Option<IpAddr>,
    /// By TTL, from 1.
    hops: Vec<Hop>,
    ends: Ends,
}

/// How the rounds ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) rounds: u64,
    /// Those with the right answer.
    pub(super) answered: u64,
    /// The TTL and the reply that tell most about the end of the path; of equals, the last.
    pub(super) end: Option<(u8, Reply)>,
}

impl Hops {
    pub(super) fn new(target: &Endpoint, max: u8) -> Self {
        let address = Address::of(target).ok();
        Self {
            max,
            target: address.and_then(|it| Some(it.canonical()?.ip())),
            hops: Vec::new(),
            ends: Ends::default(),
        }
    }

    /// The highest TTL of the next round: that at which the path ended.
    pub(super) fn limit(&self) -> u8 {
        self.ends.hop().unwrap_or(self.max)
    }

    /// Adds a round that ended at `now`. A probe that could still be replied to does not count, nor
    /// one that this machine reports itself: it has met no hop.
    pub(super) fn add(&mut self, round: &Round, now: Instant) {
        for (index, probe) in round.within_limit().enumerate() {
            let counts = match &probe.reply {
                Some((reply, _)) => !reply.is_ours(),
                None => now >= probe.sent + round.timeout(),
            };
            if !counts {
                continue;
            }
            while self.hops.len() <= index {
                let ttl = self.hops.len() as u8 + 1;
                self.hops.push(Hop::new(ttl));
            }
            let hop = &mut self.hops[index];
            hop.sent += 1;
            if let Some((reply, round_trip)) = probe.reply {
                add_reply(hop, reply, round_trip, self.target);
            }
        }
        self.ends.add(round);
    }

    /// Every address that has replied.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let addresses = self.hops.iter().flat_map(|hop| &hop.addresses);
        addresses.map(|it| it.address)
    }

    /// The hops up to the end of the path, or to the last one that replied.
    pub(super) fn finish(mut self, names: &HashMap<IpAddr, String>) -> (Vec<Hop>, Ends) {
        let last_reply = self.hops.iter().rposition(|hop| hop.replied > 0);
        let length = last_reply.map_or(0, |index| index + 1);
        let end = self.ends.hop().map(usize::from);
        self.hops.truncate(end.unwrap_or(length).min(length));
        for hop in &mut self.hops {
            for reporter in &mut hop.addresses {
                reporter.name = names.get(&reporter.address).cloned();
            }
        }
        (self.hops, self.ends)
    }
}

impl Ends {
    fn add(&mut self, round: &Round) {
        self.rounds += 1;
        match round.end() {
            Some((ttl, reply)) => {
                self.answered += u64::from(reply == Reply::Answer);
                let known = self.end.map(|(_, reply)| reply.strength());
                if known.is_none_or(|known| reply.strength() >= known) {
                    self.end = Some((ttl, reply));
                }
            }
            // The path has become longer.
            None if round.has_passed_limit() => self.end = None,
            None => {}
        }
    }

    /// The hop at which the path ended.
    pub(super) fn hop(&self) -> Option<u8> {
        let end = self.end.filter(|(_, reply)| !reply.is_ours());
        end.map(|(ttl, _)| ttl)
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.end {
            None => Outcome::Silence,
            Some((_, Reply::Answer)) => Outcome::Answered,
            Some((_, Reply::WrongAnswer(problem))) => Outcome::WrongAnswer(problem),
            Some((_, Reply::NoAnswer)) => Outcome::NoAnswer,
            Some((_, Reply::Report(error))) => Outcome::Reported(error),
        }
    }
}

fn add_reply(hop: &mut Hop, reply: Reply, round_trip: Duration, target: Option<IpAddr>) {
    hop.replied += 1;
    hop.total += round_trip;
    hop.min = Some(hop.min.map_or(round_trip, |min| min.min(round_trip)));
    hop.max = Some(hop.max.map_or(round_trip, |max| max.max(round_trip)));
    let address = match reply {
        Reply::Report(error) if error.reporter != Reporter::Target => error.sender,
        _ => target,
    };
    if let Reply::Report(error) = reply
        && !reply.is_time_exceeded()
    {
        hop.report = Some(error);
    }
    let Some(address) = address else {
        return;
    };
    let mut known = hop.addresses.iter_mut();
    match known.find(|reporter| reporter.address == address) {
        Some(reporter) => reporter.replies += 1,
        None => hop.addresses.push(HopAddress {
            address,
            name: None,
            replies: 1,
        }),
    }
}
