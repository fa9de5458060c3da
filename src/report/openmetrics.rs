//! Metrics as text: the OpenMetrics text format 1.0 (openmetrics.io), and the text format 0.0.4
//! of Prometheus before it (prometheus.io, "Exposition formats").
//!
//! Here is only how families and samples are written; which there are is in [`super::metrics`].
//! The values are read when they are asked for, and both formats are wanted, which no library for
//! metrics has.

use std::fmt::{self, Display};
use std::io::{self, Write};

use bullhorn_server::stats::Histogram;

/// One of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Text,
}

impl Format {
    /// The media type, as HTTP names it.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What the samples of a family mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only ever grows; its samples end in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts under bounds, and a sum.
    Histogram,
    /// Says something in labels; its samples end in `_info`.
    Info,
}

/// A family: samples of one meaning that differ by their labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    /// Without the ending that belongs to the kind.
    pub(crate) name: &'static str,
    /// What its samples mean.
    pub(crate) kind: Kind,
    /// One sentence without line breaks, quotes and backslashes.
    pub(crate) help: &'static str,
}

impl Family {
    /// The base unit, which is the end of the name.
    fn unit(&self) -> Option<&'static str> {
        ["bytes", "seconds"]
            .into_iter()
            .find(|unit| self.name.ends_with(&format!("_{unit}")))
    }

    /// What follows the name in a sample of a single value.
    fn ending(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        }
    }
}

/// Names and values, in the order in which they are written.
pub(crate) type Labels<'a> = [(&'a str, &'a str)];

/// Writes families, one after the other.
pub(crate) struct Encoder<'a> {
    to: &'a mut dyn Write,
    format: Format,
}

impl<'a> Encoder<'a> {
    /// Writes to `to`, which had better be a buffer.
    pub(crate) fn new(to: &'a mut dyn Write, format: Format) -> Self {
        Self { to, format }
    }

    /// Begins a family: what follows are its samples.
    ///
    /// # Errors
    /// The writer's, as everywhere here.
    pub(crate) fn family(&mut self, family: &Family) -> io::Result<()> {
        let Family { name, help, kind } = family;
        let (kind, ending) = match (self.format, kind) {
            (_, Kind::Gauge) => ("gauge", ""),
            (_, Kind::Histogram) => ("histogram", ""),
            (Format::OpenMetrics, Kind::Counter) => ("counter", ""),
            (Format::OpenMetrics, Kind::Info) => ("info", ""),
            (Format::Text, Kind::Counter) => ("counter", family.ending()),
            (Format::Text, Kind::Info) => ("gauge", family.ending()),
        };
        writeln!(self.to, "# TYPE {name}{ending} {kind}")?;
        if let (Format::OpenMetrics, Some(unit)) = (self.format, family.unit()) {
            writeln!(self.to, "# UNIT {name} {unit}")?;
        }
        writeln!(self.to, "# HELP {name}{ending} {help}")
    }

    /// A sample of a counter, a gauge or an info.
    ///
    /// # Errors
    /// The writer's.
    pub(crate) fn sample(
        &mut self,
        family: &Family,
        labels: &Labels<'_>,
        value: impl Display,
    ) -> io::Result<()> {
        let Family { name, .. } = family;
        let ending = family.ending();
        writeln!(self.to, "{name}{ending}{} {value}", Braces(labels, None))
    }

    /// The samples of a histogram, with the bounds up to `largest`.
    ///
    /// # Errors
    /// The writer's.
    pub(crate) fn histogram(
        &mut self,
        family: &Family,
        labels: &Labels<'_>,
        histogram: &Histogram,
        largest: u64,
    ) -> io::Result<()> {
        let Family { name, .. } = family;
        for (bound, count) in histogram.cumulative(largest) {
            // The canonical form of OpenMetrics; one series in both formats.
            let bound = format!("{bound}.0");
            let braces = Braces(labels, Some(&bound));
            writeln!(self.to, "{name}_bucket{braces} {count}")?;
        }
        let count = histogram.count();
        let braces = Braces(labels, Some("+Inf"));
        writeln!(self.to, "{name}_bucket{braces} {count}")?;
        let braces = Braces(labels, None);
        writeln!(self.to, "{name}_sum{braces} {}", histogram.sum)?;
        writeln!(self.to, "{name}_count{braces} {count}")
    }

    /// The end, without which a reader of OpenMetrics knows that something is missing.
    ///
    /// # Errors
    /// The writer's.
    pub(crate) fn end(self) -> io::Result<()> {
        match self.format {
            Format::OpenMetrics => writeln!(self.to, "# EOF"),
            Format::Text => Ok(()),
        }
    }
}

/// Labels as they stand behind a name, with the bound of a bucket as the last.
struct Braces<'a>(&'a Labels<'a>, Option<&'a str>);

impl Display for Braces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.1.map(|bound| ("le", bound));
        let mut before = '{';
        for (name, value) in self.0.iter().copied().chain(bound) {
            write!(f, "{before}{name}=\"{}\"", Escaped(value))?;
            before = ',';
        }
        if before == ',' {
            f.write_str("}")?;
        }
        Ok(())
    }
}

/// A label value: any text, in which backslash, quote and line feed are written with a backslash.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(['\\', '"', '\n']) {
            let plain = part.trim_end_matches(['\\', '"', '\n']);
            f.write_str(plain)?;
            match &part[plain.len()..] {
                "" => {}
                "\n" => f.write_str("\\n")?,
                special => write!(f, "\\{special}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        for (value, escaped) in [
            ("", ""),
            ("unix:/run/b.sock", "unix:/run/b.sock"),
            (r#"unix:/a"b\c"#, r#"unix:/a\"b\\c"#),
            ("\n\\n\"", r#"\n\\n\""#),
            ("größe {x=\"y\"}", r#"größe {x=\"y\"}"#),
        ] {
            assert_eq!(Escaped(value).to_string(), escaped);
        }
    }

    fn written(format: Format, write: impl Fn(&mut Encoder<'_>)) -> String {
        let mut text = Vec::new();
        let mut encoder = Encoder::new(&mut text, format);
        write(&mut encoder);
        encoder.end().unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn both_formats_have_the_same_samples_and_each_its_own_types() {
        let write = |encoder: &mut Encoder<'_>| {
            let counter = Family {
                name: "sent_bytes",
                kind: Kind::Counter,
                help: "Bytes sent.",
            };
            encoder.family(&counter).unwrap();
            encoder.sample(&counter, &[("to", "\"x\"")], 3).unwrap();
            let info = Family {
                name: "build",
                kind: Kind::Info,
                help: "What it is.",
            };
            encoder.family(&info).unwrap();
            encoder.sample(&info, &[], 1).unwrap();
        };
        assert_eq!(
            written(Format::OpenMetrics, write),
            "# TYPE sent_bytes counter\n# UNIT sent_bytes bytes\n# HELP sent_bytes Bytes sent.\n\
             sent_bytes_total{to=\"\\\"x\\\"\"} 3\n\
             # TYPE build info\n# HELP build What it is.\nbuild_info 1\n# EOF\n"
        );
        assert_eq!(
            written(Format::Text, write),
            "# TYPE sent_bytes_total counter\n# HELP sent_bytes_total Bytes sent.\n\
             sent_bytes_total{to=\"\\\"x\\\"\"} 3\n\
             # TYPE build_info gauge\n# HELP build_info What it is.\nbuild_info 1\n"
        );
    }
}
