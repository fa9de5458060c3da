//! Families with samples of every endpoint.

use crate::http::exposition::{Encoder, Family, Kind};
use bullhorn_server::stats::Histogram;

/// An endpoint, as it is written, and its totals.
pub(super) type EndpointTotals<T> = (String, T);

/// The values of one more label, each with its count.
type Named<T> = fn(&T) -> Vec<(&'static str, u64)>;

/// Writes families, each with the samples of all these endpoints.
pub(super) struct Families<'a, T> {
    pub(super) encoder: &'a mut Encoder,
    pub(super) endpoints: &'a [EndpointTotals<T>],
}

impl<T> Families<'_, T> {
    pub(super) fn counter(&mut self, name: &'static str, help: &'static str, value: fn(&T) -> u64) {
        self.numbers(Kind::Counter, name, help, value);
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str, value: fn(&T) -> u64) {
        self.numbers(Kind::Gauge, name, help, value);
    }

    fn numbers(
        &mut self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        value: fn(&T) -> u64,
    ) {
        let family = Family { name, kind, help };
        self.encoder.family(&family);
        for (endpoint, totals) in self.endpoints {
            let labels = [("endpoint", endpoint.as_str())];
            self.encoder.sample(&family, &labels, value(totals));
        }
    }

    /// A counter with one more label.
    pub(super) fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        (label, named): (&'static str, Named<T>),
    ) {
        let kind = Kind::Counter;
        let family = Family { name, kind, help };
        self.encoder.family(&family);
        for (endpoint, totals) in self.endpoints {
            for (value, count) in named(totals) {
                let labels = [("endpoint", endpoint.as_str()), (label, value)];
                self.encoder.sample(&family, &labels, count);
            }
        }
    }

    /// A histogram with the bounds up to `max`.
    pub(super) fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        max: u64,
        value: fn(&T) -> Histogram,
    ) {
        let kind = Kind::Histogram;
        self.encoder.family(&Family { name, kind, help });
        for (endpoint, totals) in self.endpoints {
            let labels = [("endpoint", endpoint.as_str())];
            self.encoder.histogram(name, &labels, &value(totals), max);
        }
    }
}
