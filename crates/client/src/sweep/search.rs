//! The search for the largest size that passes in one way.

use std::time::{Duration, Instant};

use super::bisection::Bisection;
use super::obstacle::Obstacle;
use super::prober::{Prober, try_size};
use super::summary::{Event, Limit, Measure, SizeResult};
use super::waiting::End;
use bullhorn_socket::error::Result;
use bullhorn_socket::{PathError, PathOutcome};

/// What the searches of a sweep share.
#[derive(Debug)]
pub(super) struct Search<'a> {
    timeout: Duration,
    end: End<'a>,
    start: Instant,
    /// The bytes of a packet before the message.
    header: usize,
    local_mtu: Option<u32>,
}

impl<'a> Search<'a> {
    pub(super) fn new(timeout: Duration, end: End<'a>, start: Instant, header: usize) -> Self {
        Self {
            timeout,
            end,
            start,
            header,
            local_mtu: None,
        }
    }

    /// The MTU of this machine, if it was the limit of a size.
    pub(super) fn local_mtu(&self) -> Option<u32> {
        self.local_mtu
    }

    /// Tries the sizes from the first to the second, as `prober` sends them.
    pub(super) fn find(
        &mut self,
        prober: &mut dyn Prober,
        measure: Measure,
        (from, to): (usize, usize),
        observe: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Limit> {
        let mut bisection = Bisection::new(from, to);
        let mut limit = Limit {
            measure,
            from,
            to,
            passed: None,
            lost: None,
            obstacle: None,
            too_big: None,
            is_complete: true,
        };
        while let Some(size) = bisection.next() {
            let Some(tried) = try_size(prober, size, self.timeout, &self.end)? else {
                limit.is_complete = false;
                break;
            };
            bisection.record(size, tried.reply.is_ok());
            let result = SizeResult {
                measure,
                size,
                tries: tried.tries,
                elapsed: self.start.elapsed(),
                result: tried.reply,
            };
            observe(&Event::Size(&result));
            if let Err(obstacle) = result.result {
                if let Some(mtu) = obstacle.mtu() {
                    bisection.suggest((mtu as usize).saturating_sub(self.header));
                }
                self.note_mtu(&mut limit, &obstacle);
                if bisection.lost() == Some(size) {
                    limit.obstacle = Some(obstacle);
                }
            }
        }
        limit.passed = bisection.passed();
        limit.lost = bisection.lost();
        limit.obstacle = limit.obstacle.filter(|_| limit.lost.is_some());
        self.explain_silence(&mut limit);
        Ok(limit)
    }

    fn note_mtu(&mut self, limit: &mut Limit, obstacle: &Obstacle) {
        match obstacle {
            Obstacle::LocalMtu { mtu: Some(mtu) } => self.local_mtu = Some(*mtu),
            Obstacle::TooBig(error) => {
                let mtu = |error: &PathError| error.mtu.unwrap_or(u32::MAX);
                if limit.too_big.is_none_or(|known| mtu(error) < mtu(&known)) {
                    limit.too_big = Some(*error);
                }
            }
            _ => {}
        }
    }

    /// Routers limit the rate of their reports, so one may cover smaller sizes too.
    fn explain_silence(&self, limit: &mut Limit) {
        if let (Some(Obstacle::Silence), Some(error), Some(lost)) =
            (&limit.obstacle, limit.too_big, limit.lost)
            && error
                .mtu
                .is_some_and(|mtu| (mtu as usize) < lost + self.header)
        {
            limit.obstacle = Some(Obstacle::TooBig(error));
        }
    }

    /// The smallest size to try in fragments after this limit of single packets; `None` when there
    /// is nothing to find out: each size passes as one packet, the target refuses, or the sweep is
    /// over.
    ///
    /// What is above the local MTU is certainly fragmented. A smaller message may travel there as
    /// one packet that a router fragments.
    pub(super) fn first_fragmented(&self, limit: &Limit) -> Option<usize> {
        let is_refused = match &limit.obstacle {
            Some(Obstacle::Reported(error)) => {
                limit.passed.is_none() && error.outcome() != PathOutcome::TooBig
            }
            _ => false,
        };
        if !limit.is_complete || limit.lost.is_none() || is_refused {
            return None;
        }
        let after = limit.passed.map_or(limit.from, |passed| passed + 1);
        let local = self.local_mtu.map(|mtu| mtu as usize + 1);
        let local = local.map_or(after, |packet| packet.saturating_sub(self.header));
        Some(after.max(local).min(limit.to))
    }
}
