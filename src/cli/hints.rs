//! The flags that help against an error of the libraries, which know nothing of flags.

use std::fmt::{self, Display, Formatter};

use bullhorn::sandbox::user::{UserError, UserProblem};
use bullhorn_client::bench::RunResult;
use bullhorn_server::DEFAULT_RATE;
use bullhorn_socket::endpoint::{Endpoint, FamilyFilter, Host, SocketType};
use bullhorn_socket::error::{Error, ResolveProblem};

/// An error as one line, with the flags that help at its end.
pub(crate) struct WithHint<'a>(pub(crate) &'a Error);

impl Display for WithHint<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match self.0 {
            Error::InvalidSettings { settings, .. } => change(f, settings),
            Error::NoSourceFamily { .. } => change(f, &["source"]),
            Error::OtherFamily { filter, .. } => leave_out(f, *filter),
            Error::Resolve {
                source: ResolveProblem::NoAddress(filter),
                ..
            } => leave_out(f, *filter),
            _ => Ok(()),
        }
    }
}

/// `; change --flows, --window or --size`
fn change(f: &mut Formatter<'_>, settings: &[&str]) -> fmt::Result {
    for (index, setting) in settings.iter().enumerate() {
        let before = match index {
            0 => "; change ",
            _ if index + 1 == settings.len() => " or ",
            _ => ", ",
        };
        let flag = match *setting {
            "filler" => "text",
            "from" => "sweep",
            "max_hops" => "ttl",
            "rounds" => "count",
            other => other,
        };
        write!(f, "{before}--{flag}")?;
    }
    Ok(())
}

fn leave_out(f: &mut Formatter<'_>, filter: FamilyFilter) -> fmt::Result {
    match filter {
        FamilyFilter::All => Ok(()),
        FamilyFilter::Inet => f.write_str("; leave out -4"),
        FamilyFilter::Inet6 => f.write_str("; leave out -6"),
    }
}

/// What may explain lost datagrams of a load on another host.
pub(super) fn for_loss(measured: &RunResult) -> Option<String> {
    let endpoint = &measured.endpoint;
    let is_datagram = endpoint.socket_type() == Some(SocketType::Datagram);
    let Endpoint::Internet { host, .. } = endpoint else {
        return None;
    };
    let is_loopback = match host {
        Host::V4(address) => address.is_loopback(),
        Host::V6(address, _) => address.to_canonical().is_loopback(),
        _ => true,
    };
    let is_above = measured.sent_rate() > f64::from(DEFAULT_RATE.get());
    let applies = is_datagram && !is_loopback && is_above && measured.record.counts.lost > 0;
    applies.then(|| {
        format!(
            "by default, bullhorn serve answers one source address at most {DEFAULT_RATE} times \
             a second: if its totals say rate_limited, start it with a higher --rate-limit"
        )
    })
}

/// What helps a server that cannot become another user.
pub(super) fn for_user(error: &UserError) -> &'static str {
    match error.source {
        UserProblem::NotRoot => "; start as root, or leave out --user",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bullhorn_socket::{RESOLVE_TIMEOUT, Stop};

    fn hint(error: &Error) -> String {
        let line = WithHint(error).to_string();
        line[line.rfind(';').unwrap_or(line.len())..].to_owned()
    }

    #[test]
    fn an_error_ends_with_the_flags_that_help() {
        let with = |settings| Error::InvalidSettings {
            settings,
            problem: String::new(),
        };
        assert_eq!(hint(&with(&["filler"])), "; change --text");
        assert_eq!(
            hint(&with(&["size", "flows"])),
            "; change --size or --flows"
        );
        let three = with(&["flows", "window", "size"]);
        assert_eq!(hint(&three), "; change --flows, --window or --size");
        let endpoint = Endpoint::default();
        let filter = FamilyFilter::Inet6;
        let error = endpoint
            .resolve(filter, RESOLVE_TIMEOUT, &Stop::never())
            .unwrap_err();
        assert_eq!(
            WithHint(&error).to_string(),
            "udp://127.0.0.1:3000 is an IPv4 address, and only IPv6 may be used; leave out -6"
        );
        assert_eq!(hint(&Error::NothingToServe), "");
    }
}
