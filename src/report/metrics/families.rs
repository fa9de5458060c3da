//! Families with samples of every endpoint. How a sample is written is in
//! [`openmetrics`](crate::report::openmetrics).

use std::io;

use crate::report::openmetrics::{Encoder, Family, Kind};
use bullhorn_server::stats::Histogram;

/// An endpoint, as it is written, and its totals.
pub(super) type Of<T> = (String, T);

/// The values of one more label, each with its count.
type Named<T> = fn(&T) -> Vec<(&'static str, u64)>;

/// Writes families, each with the samples of all these endpoints.
pub(super) struct Families<'a, 'w, T> {
    pub(super) encoder: &'a mut Encoder<'w>,
    pub(super) endpoints: &'a [Of<T>],
}

impl<T> Families<'_, '_, T> {
    pub(super) fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        value: fn(&T) -> u64,
    ) -> io::Result<()> {
        self.numbers(Kind::Counter, name, help, value)
    }

    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        value: fn(&T) -> u64,
    ) -> io::Result<()> {
        self.numbers(Kind::Gauge, name, help, value)
    }

    fn numbers(
        &mut self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        value: fn(&T) -> u64,
    ) -> io::Result<()> {
        let family = self.begin(kind, name, help)?;
        for (endpoint, totals) in self.endpoints {
            self.encoder
                .sample(&family, &[("endpoint", endpoint)], value(totals))?;
        }
        Ok(())
    }

    pub(super) fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        (label, named): (&'static str, Named<T>),
    ) -> io::Result<()> {
        let family = self.begin(Kind::Counter, name, help)?;
        for (endpoint, totals) in self.endpoints {
            for (value, count) in named(totals) {
                let labels = [("endpoint", endpoint.as_str()), (label, value)];
                self.encoder.sample(&family, &labels, count)?;
            }
        }
        Ok(())
    }

    /// With the bounds up to `largest`.
    pub(super) fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        largest: u64,
        value: fn(&T) -> Histogram,
    ) -> io::Result<()> {
        let family = self.begin(Kind::Histogram, name, help)?;
        for (endpoint, totals) in self.endpoints {
            let labels = [("endpoint", endpoint.as_str())];
            self.encoder
                .histogram(&family, &labels, &value(totals), largest)?;
        }
        Ok(())
    }

    fn begin(&mut self, kind: Kind, name: &'static str, help: &'static str) -> io::Result<Family> {
        let family = Family { name, kind, help };
        self.encoder.family(&family)?;
        Ok(family)
    }
}
