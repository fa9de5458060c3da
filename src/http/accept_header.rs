//! Which format a client prefers: its Accept header (RFC 9110, section 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use super::exposition::Format;

/// The format that the Accept headers prefer.
pub(super) fn preferred_format(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(ACCEPT).iter();
    let accepted: Vec<_> = accepted.filter_map(|value| value.to_str().ok()).collect();
    preferred(&accepted.join(","))
}

/// The format with the greater weight. OpenMetrics without a preference, and also if neither is
/// accepted, as some metrics are more useful than an error.
fn preferred(accept: &str) -> Format {
    let weight = |format| {
        let ranges = accept.split(',').filter_map(Range::parse);
        // The most specific matching range decides.
        ranges
            .filter_map(|range| Some((range.specificity(format)?, range.weight)))
            .fold((0, 0.0), |best, next| if next > best { next } else { best })
            .1
    };
    if weight(Format::Text) > weight(Format::OpenMetrics) {
        Format::Text
    } else {
        Format::OpenMetrics
    }
}

/// One media range: `text/plain;version=0.0.4;q=0.3`.
struct Range<'a> {
    media_type: &'a str,
    version: Option<&'a str>,
    weight: f32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().filter(|media_type| !media_type.is_empty())?;
        let mut range = Self {
            media_type,
            version: None,
            weight: 1.0,
        };
        for part in parts {
            let (name, value) = part.split_once('=')?;
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => range.weight = value.trim().parse().ok()?,
                "version" => range.version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        Some(range)
    }

    /// How specifically it names a format; `None` if it does not match.
    fn specificity(&self, format: Format) -> Option<u8> {
        let (media_type, version) = match format {
            Format::OpenMetrics => ("application/openmetrics-text", "1.0.0"),
            Format::Text => ("text/plain", "0.0.4"),
        };
        let kind = media_type.split_once('/')?.0;
        let is = |text: &str| self.media_type.eq_ignore_ascii_case(text);
        if is(media_type) {
            match self.version {
                None => Some(3),
                Some(named) => (named == version).then_some(4),
            }
        } else if is(&format!("{kind}/*")) {
            Some(2)
        } else {
            is("*/*").then_some(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_with_the_greatest_weight_is_preferred() {
        use Format::{OpenMetrics, Text};
        for (accept, format) in [
            ("", OpenMetrics),
            ("*/*", OpenMetrics),
            ("application/json", OpenMetrics),
            ("text/plain", Text),
            ("Text/Plain", Text),
            ("text/*", Text),
            ("text/plain;version=0.0.4", Text),
            ("text/plain; version=\"0.0.4\"", Text),
            ("text/plain;version=9", OpenMetrics),
            (
                "text/plain;q=0.5, application/openmetrics-text",
                OpenMetrics,
            ),
            ("text/plain, application/openmetrics-text;q=0.5", Text),
            ("text/plain, application/openmetrics-text", OpenMetrics),
            ("text/plain, */*;q=0.1", Text),
            ("text/plain;q=0, */*", OpenMetrics),
            ("application/openmetrics-text;q=0, */*", Text),
            // An unsupported version.
            (
                "application/openmetrics-text;version=2.0.0, text/plain;q=0.1",
                Text,
            ),
            ("text/plain;q=nonsense", OpenMetrics),
            // Sent by Prometheus since 2.43, since 3.0, and before 2.5.
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
                Text,
            ),
        ] {
            assert_eq!(preferred(accept), format, "{accept}");
        }
    }
}
