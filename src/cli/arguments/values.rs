//! The values of flags as they are typed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use bullhorn_socket::endpoint::{Endpoint, ParseEndpointError, SocketType};

/// Why a value is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("not a duration; write it like 1s or 250ms")]
    NotADuration(#[source] humantime::DurationError),
    #[error("must be over zero, as in 1s")]
    ZeroDuration,
    #[error("must be less than a century, as in 1s")]
    DurationTooLong,
    #[error("must be a whole number over zero, as in 1000, or off")]
    NotANumberOrOff,
    #[error("a file mode is up to four octal digits, as in 0660")]
    NotAMode,
    #[error("must be an address, as in 192.0.2.1, 192.0.2.1:4000 or [2001:db8::1]:4000")]
    NotASource,
    #[error("must be from 0 to 63, or a name such as EF, AF41 or CS1")]
    NotADscp,
    #[error("must be a range of bytes, as in 1200..1500, 1200.. or ..1500")]
    NotASizeRange,
    #[error("HTTP needs a stream; write it like 127.0.0.1:9300")]
    NotAStream,
    #[error(transparent)]
    Endpoint(#[from] ParseEndpointError),
}

/// As [`PositiveDuration`], and a bare number is seconds, as in ping(8).
pub(super) fn seconds_or_duration(text: &str) -> Result<PositiveDuration, ValueError> {
    let seconds = text.parse().ok();
    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match seconds {
        Some(seconds) if !seconds.is_zero() => PositiveDuration::new(seconds),
        _ => text.parse(),
    }
}

/// Where HTTP is served: an endpoint for streams; without a scheme it is TCP.
pub(super) fn http_endpoint(text: &str) -> Result<Endpoint, ValueError> {
    let has_scheme = text.contains("://")
        || ["unix:", "unixpacket:", "unixgram:", "fd:"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
    let endpoint = if has_scheme {
        text.parse::<Endpoint>()
    } else {
        format!("tcp://{text}").parse()
    };
    match endpoint {
        Ok(endpoint) if endpoint.socket_type().is_some_and(SocketType::has_messages) => {
            Err(ValueError::NotAStream)
        }
        Ok(endpoint) => Ok(endpoint),
        Err(error) => Err(error.into()),
    }
}

/// An address with or without a port; port 0 leaves the choice to the kernel.
pub(super) fn source_address(text: &str) -> Result<SocketAddr, ValueError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let inside = text.strip_prefix('[').and_then(|its| its.strip_suffix(']'));
    let address: IpAddr = match inside {
        Some(inside) => inside.parse().map(IpAddr::V6).ok(),
        None => text.parse().ok(),
    }
    .ok_or(ValueError::NotASource)?;
    Ok(SocketAddr::new(address, 0))
}

/// A differentiated services code point by its number or its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dscp(pub u8);

impl FromStr for Dscp {
    type Err = ValueError;

    /// The names are those of IANA's registry: CSx is 8x (RFC 2474), AFxy is 8x + 2y (RFC 2597).
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let name = text.to_ascii_uppercase();
        let dscp = match name.as_bytes() {
            b"DF" => Some(0),
            b"LE" => Some(1),
            b"VOICE-ADMIT" => Some(44),
            b"EF" => Some(46),
            [b'C', b'S', class @ b'0'..=b'7'] => Some(8 * (class - b'0')),
            [b'A', b'F', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => {
                Some(8 * (class - b'0') + 2 * (drop - b'0'))
            }
            _ => name.parse().ok().filter(|dscp| *dscp <= 63),
        };
        dscp.map(Self).ok_or(ValueError::NotADscp)
    }
}

/// A range of sizes in bytes, both ends included and optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeRange {
    pub from: Option<usize>,
    pub to: Option<usize>,
}

impl FromStr for SizeRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let end = |text: &str| match text {
            "" => Ok(None),
            _ => text
                .parse()
                .map(Some)
                .map_err(|_| ValueError::NotASizeRange),
        };
        let (from, to) = text.split_once("..").ok_or(ValueError::NotASizeRange)?;
        Ok(Self {
            from: end(from)?,
            to: end(to)?,
        })
    }
}

/// A file mode, as in `0660`.
pub(super) fn octal_mode(text: &str) -> Result<u32, ValueError> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(mode),
        _ => Err(ValueError::NotAMode),
    }
}

/// A duration over zero, as in `1s` or `250ms`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PositiveDuration(pub Duration);

/// No clock can add a duration of centuries.
const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl PositiveDuration {
    fn new(duration: Duration) -> Result<Self, ValueError> {
        match duration {
            Duration::ZERO => Err(ValueError::ZeroDuration),
            _ if duration > MAX_DURATION => Err(ValueError::DurationTooLong),
            _ => Ok(Self(duration)),
        }
    }
}

impl FromStr for PositiveDuration {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match humantime::parse_duration(text) {
            Ok(duration) => Self::new(duration),
            Err(error) => Err(ValueError::NotADuration(error)),
        }
    }
}

impl fmt::Display for PositiveDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

/// A duration over zero, or `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptionalDuration(pub Option<Duration>);

impl FromStr for OptionalDuration {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "off" => Ok(Self(None)),
            _ => Ok(Self(Some(text.parse::<PositiveDuration>()?.0))),
        }
    }
}

impl fmt::Display for OptionalDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(duration) => write!(f, "{}", PositiveDuration(duration)),
            None => f.write_str("off"),
        }
    }
}

/// A number over zero, or `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OptionalNumber(pub Option<usize>);

impl FromStr for OptionalNumber {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match (text, text.parse()) {
            ("off", _) => Ok(Self(None)),
            (_, Ok(number)) if number > 0 => Ok(Self(Some(number))),
            _ => Err(ValueError::NotANumberOrOff),
        }
    }
}

impl fmt::Display for OptionalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dscp_is_a_number_or_a_name() {
        for (text, dscp) in [
            ("0", 0),
            ("63", 63),
            ("EF", 46),
            ("ef", 46),
            ("CS1", 8),
            ("CS7", 56),
            ("AF11", 10),
            ("AF41", 34),
            ("AF43", 38),
            ("LE", 1),
        ] {
            assert_eq!(text.parse::<Dscp>().unwrap().0, dscp, "{text}");
        }
        for text in ["", "64", "-1", "CS8", "AF14", "AF51", "E", "0x2e"] {
            assert!(text.parse::<Dscp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_of_sizes_may_be_open_at_its_ends() {
        for (text, from, to) in [
            ("..", None, None),
            ("1200..", Some(1200), None),
            ("..1500", None, Some(1500)),
            ("1200..1500", Some(1200), Some(1500)),
        ] {
            assert_eq!(text.parse::<SizeRange>().unwrap(), SizeRange { from, to });
        }
        for text in ["", "1200", "-1..2", "1200...1500", "1k..2k", "1200-1500"] {
            assert!(text.parse::<SizeRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_source_is_an_address_with_or_without_a_port() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1:0"),
            ("192.0.2.1:4000", "192.0.2.1:4000"),
            ("2001:db8::1", "[2001:db8::1]:0"),
            ("[2001:db8::1]", "[2001:db8::1]:0"),
            ("[2001:db8::1]:4000", "[2001:db8::1]:4000"),
            ("[fe80::1%2]:4000", "[fe80::1%2]:4000"),
        ] {
            assert_eq!(source_address(text).unwrap(), address.parse().unwrap());
        }
        for text in [
            "",
            "localhost",
            ":4000",
            "[192.0.2.1]",
            "192.0.2.1:",
            "192.0.2.1:x",
        ] {
            assert!(source_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_that_no_clock_can_add_is_refused() {
        for text in [
            "500000000000y",
            "18446744073709551615s",
            "0s",
            "-1s",
            "soon",
        ] {
            assert!(text.parse::<PositiveDuration>().is_err(), "{text}");
            assert!(seconds_or_duration(text).is_err(), "{text}");
        }
        assert!(seconds_or_duration("1e18").is_err());
        let century = "99y".parse::<PositiveDuration>().unwrap().0;
        assert!(std::time::Instant::now().checked_add(century).is_some());
        assert_eq!(seconds_or_duration("0.5").unwrap().0.as_millis(), 500);
    }
}
