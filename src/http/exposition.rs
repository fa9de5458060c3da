//! The text of metrics: the OpenMetrics text format 1.0 (openmetrics.io), and the text format 0.0.4
//! of Prometheus before it (prometheus.io, "Exposition formats").
//!
//! Written here because the values are read at each request and both formats are needed, which no
//! library for metrics offers.

use std::fmt::{self, Display, Write};

use bullhorn_server::stats::Histogram;

/// One of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Text,
}

impl Format {
    /// The media type.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What the samples of a family mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Never decreases; its samples end in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative counts up to each bound, and a sum.
    Histogram,
    /// Carries its information in labels; its samples end in `_info`.
    Info,
}

/// A metric family: samples with one meaning that differ in their labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Without the suffix of the kind.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// One sentence without line breaks, quotes and backslashes.
    pub(super) help: &'static str,
}

impl Family {
    /// The base unit, which is the end of the name.
    fn unit(&self) -> Option<&'static str> {
        ["bytes", "seconds"]
            .into_iter()
            .find(|unit| self.name.ends_with(&format!("_{unit}")))
    }

    /// What follows the name in a sample with a single value.
    fn suffix(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        }
    }
}

/// Names and values, in the order in which they are written.
pub(super) type Labels<'a> = [(&'a str, &'a str)];

/// Writes one family after the other.
#[derive(Debug)]
pub(super) struct Encoder {
    text: String,
    format: Format,
}

impl Encoder {
    pub(super) fn new(format: Format) -> Self {
        Self {
            text: String::new(),
            format,
        }
    }

    /// Begins a family; its samples follow.
    pub(super) fn family(&mut self, family: &Family) {
        let Family { name, help, kind } = family;
        let (kind, suffix) = match (self.format, kind) {
            (_, Kind::Gauge) => ("gauge", ""),
            (_, Kind::Histogram) => ("histogram", ""),
            (Format::OpenMetrics, Kind::Counter) => ("counter", ""),
            (Format::OpenMetrics, Kind::Info) => ("info", ""),
            (Format::Text, Kind::Counter) => ("counter", family.suffix()),
            (Format::Text, Kind::Info) => ("gauge", family.suffix()),
        };
        self.line(format_args!("# TYPE {name}{suffix} {kind}"));
        if let (Format::OpenMetrics, Some(unit)) = (self.format, family.unit()) {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
        self.line(format_args!("# HELP {name}{suffix} {help}"));
    }

    /// A sample of a counter, a gauge or an info.
    pub(super) fn sample(&mut self, family: &Family, labels: &Labels<'_>, value: impl Display) {
        let (name, suffix, braces) = (family.name, family.suffix(), Braces(labels, None));
        self.line(format_args!("{name}{suffix}{braces} {value}"));
    }

    /// The samples of a histogram, with the bounds up to `max`.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        labels: &Labels<'_>,
        histogram: &Histogram,
        max: u64,
    ) {
        for (bound, count) in histogram.cumulative(max) {
            // OpenMetrics requires this form; the series are then the same in both formats.
            self.bucket(name, labels, &format!("{bound}.0"), count);
        }
        let count = histogram.count();
        self.bucket(name, labels, "+Inf", count);
        let braces = Braces(labels, None);
        self.line(format_args!("{name}_sum{braces} {}", histogram.sum));
        self.line(format_args!("{name}_count{braces} {count}"));
    }

    fn bucket(&mut self, name: &str, labels: &Labels<'_>, bound: &str, count: u64) {
        let braces = Braces(labels, Some(bound));
        self.line(format_args!("{name}_bucket{braces} {count}"));
    }

    /// The whole text. OpenMetrics ends with a mark, by which a reader sees that it is complete.
    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.line(format_args!("# EOF"));
        }
        self.text
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "{line}");
    }
}

/// The labels after a name, the bound of a bucket last.
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

/// A label value: any text, with backslash, quote and line feed escaped by a backslash.
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

    fn text(format: Format, write: impl Fn(&mut Encoder)) -> String {
        let mut encoder = Encoder::new(format);
        write(&mut encoder);
        encoder.finish()
    }

    #[test]
    fn both_formats_have_the_same_samples_with_their_own_types() {
        let write = |encoder: &mut Encoder| {
            let counter = Family {
                name: "sent_bytes",
                kind: Kind::Counter,
                help: "Bytes sent.",
            };
            encoder.family(&counter);
            encoder.sample(&counter, &[("to", "\"x\"")], 3);
            let info = Family {
                name: "build",
                kind: Kind::Info,
                help: "What it is.",
            };
            encoder.family(&info);
            encoder.sample(&info, &[], 1);
        };
        assert_eq!(
            text(Format::OpenMetrics, write),
            "# TYPE sent_bytes counter\n# UNIT sent_bytes bytes\n# HELP sent_bytes Bytes sent.\n\
             sent_bytes_total{to=\"\\\"x\\\"\"} 3\n\
             # TYPE build info\n# HELP build What it is.\nbuild_info 1\n# EOF\n"
        );
        assert_eq!(
            text(Format::Text, write),
            "# TYPE sent_bytes_total counter\n# HELP sent_bytes_total Bytes sent.\n\
             sent_bytes_total{to=\"\\\"x\\\"\"} 3\n\
             # TYPE build_info gauge\n# HELP build_info What it is.\nbuild_info 1\n"
        );
    }
}
