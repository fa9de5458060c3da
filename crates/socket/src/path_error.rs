//! What the path reports about something that was sent: the cause, who reported it, and what that
//! says about the target.
//!
//! The facts come from the error queue of a socket ([`Socket::take_path_error`]), or, where there is
//! no entry, from the error number alone: a TCP reset, no local route.
//!
//! [`Socket::take_path_error`]: crate::Socket::take_path_error

use std::fmt;
use std::io;
use std::net::IpAddr;

/// One error that the path, or this machine itself, reported about something sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PathError {
    /// What was reported.
    pub cause: PathCause,
    /// Who reported it, as the socket sees it.
    pub reporter: Reporter,
    /// The source address of the ICMP message.
    pub sender: Option<IpAddr>,
    /// The error number that socket calls return for it (errno(3)).
    pub errno: i32,
    /// The largest packet that passes, in bytes, where size was the reason (RFC 1191, RFC 8201).
    pub mtu: Option<u32>,
}

/// An error, and the start of the datagram that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuedError {
    /// What was reported.
    pub error: PathError,
    /// The first bytes of the datagram's text, as many as the reporter sent back, at most 256; of a
    /// TCP segment, the start of its header. Empty where they are not known.
    pub excerpt: Vec<u8>,
}

impl From<PathError> for QueuedError {
    fn from(error: PathError) -> Self {
        Self {
            error,
            excerpt: Vec::new(),
        }
    }
}

/// What was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathCause {
    /// An error number without an ICMP message: a TCP reset, a Unix socket that nothing reads, or
    /// our own kernel, before anything left this machine.
    Errno,
    /// An ICMP message (RFC 792).
    Icmp {
        /// The type, 3 for destination unreachable, 11 for time exceeded.
        kind: u8,
        /// The code within the type.
        code: u8,
    },
    /// An ICMPv6 message (RFC 4443).
    Icmp6 {
        /// The type, 1 for destination unreachable, 3 for time exceeded.
        kind: u8,
        /// The code within the type.
        code: u8,
    },
}

/// Who reported an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reporter {
    /// The address that the packet was sent to.
    Target,
    /// This machine.
    Ourselves,
    /// A router or firewall on the way.
    Router,
}

/// What an error says about the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathOutcome {
    /// The target itself refuses: nothing is listening there. Over TCP this is a reset, which a
    /// firewall can send in the target's name.
    Refused,
    /// A firewall or router does not let the packet pass.
    Rejected,
    /// No route, no host, no neighbour, or too many hops.
    Unreachable,
    /// The packet was too big for a link of the path. The kernel has learned the path MTU, so the
    /// next one is fragmented and may pass.
    TooBig,
    /// This machine's own firewall or kernel did not let the packet out.
    Unsent,
}

impl PathOutcome {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::TooBig => "too_big",
            Self::Unsent => "unsent",
        }
    }
}

impl PathError {
    /// What a call that failed with `error` says about the path: what was taken from the error
    /// queue, else what the error number says. `None` when it is about something else.
    pub fn of(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        inner
            .copied()
            .or_else(|| Self::from_errno(error.raw_os_error()?))
    }

    /// The meaning of an error number for which the path has reported nothing.
    fn from_errno(errno: i32) -> Option<Self> {
        let reporter = match errno {
            libc::ECONNREFUSED => Reporter::Target,
            libc::EHOSTUNREACH | libc::EHOSTDOWN | libc::ENETUNREACH | libc::EPERM => {
                Reporter::Ourselves
            }
            _ => return None,
        };
        Some(Self {
            cause: PathCause::Errno,
            reporter,
            sender: None,
            errno,
            mtu: None,
        })
    }

    /// What it says about the target.
    ///
    /// A port unreachable (ICMP 3/3, ICMPv6 1/4) is a refusal only when the target itself sent it:
    /// firewalls that reject packets send the same message.
    pub fn outcome(&self) -> PathOutcome {
        use PathCause::{Errno, Icmp, Icmp6};
        match (self.cause, self.reporter) {
            (Errno, _) => match self.errno {
                libc::ECONNREFUSED => PathOutcome::Refused,
                libc::EMSGSIZE => PathOutcome::TooBig,
                libc::EPERM => PathOutcome::Unsent,
                _ => PathOutcome::Unreachable,
            },
            (Icmp { kind: 3, code: 4 } | Icmp6 { kind: 2, .. }, _) => PathOutcome::TooBig,
            (Icmp { kind: 3, code: 3 } | Icmp6 { kind: 1, code: 4 }, Reporter::Target) => {
                PathOutcome::Refused
            }
            (
                Icmp {
                    kind: 3,
                    code: 3 | 9 | 10 | 13,
                }
                | Icmp6 {
                    kind: 1,
                    code: 1 | 4 | 5 | 6,
                },
                reporter,
            ) => match reporter {
                Reporter::Ourselves => PathOutcome::Unsent,
                _ => PathOutcome::Rejected,
            },
            _ => PathOutcome::Unreachable,
        }
    }

    /// Whether the neighbour on the last link, the target or a router, did not answer ARP or
    /// neighbour discovery: the kernel then sends ICMP host or address unreachable to itself.
    pub fn is_missing_neighbour(&self) -> bool {
        let is_host = matches!(
            self.cause,
            PathCause::Icmp { kind: 3, code: 1 } | PathCause::Icmp6 { kind: 1, code: 3 }
        );
        is_host && self.reporter == Reporter::Ourselves
    }
}

impl std::error::Error for PathError {}

/// The outcome in words, as in `rejected by 10.77.0.1: ICMP 3/13, administratively prohibited`.
impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = CauseText(self);
        match self.outcome() {
            PathOutcome::Refused => write!(f, "refused: nothing is listening there"),
            PathOutcome::Rejected => write!(f, "rejected{}: {cause}", By(self.sender)),
            PathOutcome::Unreachable if self.is_missing_neighbour() => {
                write!(f, "unreachable: no neighbour answers ({cause})")
            }
            PathOutcome::Unreachable if self.reporter == Reporter::Ourselves => {
                write!(f, "unreachable: {cause}")
            }
            PathOutcome::Unreachable => {
                write!(f, "unreachable, reported{}: {cause}", By(self.sender))
            }
            PathOutcome::TooBig => {
                write!(f, "too big for the path")?;
                if let Some(mtu) = self.mtu {
                    write!(f, ": its MTU is {mtu} bytes")?;
                }
                match self.sender {
                    Some(_) => write!(f, ", reported{} ({cause})", By(self.sender)),
                    None => Ok(()),
                }
            }
            PathOutcome::Unsent => write!(f, "blocked by our own firewall or kernel ({cause})"),
        }
    }
}

struct By(Option<IpAddr>);

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, " by {address}"),
            None => Ok(()),
        }
    }
}

/// `ICMP 3/13, administratively prohibited`, or the words for the error number.
struct CauseText<'a>(&'a PathError);

impl fmt::Display for CauseText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, kind, code, words) = match self.0.cause {
            PathCause::Errno => return f.write_str(errno_words(self.0.errno)),
            PathCause::Icmp { kind, code } => ("ICMP", kind, code, icmp_words(kind, code)),
            PathCause::Icmp6 { kind, code } => ("ICMPv6", kind, code, icmp6_words(kind, code)),
        };
        write!(f, "{protocol} {kind}/{code}")?;
        match words {
            "" => Ok(()),
            words => write!(f, ", {words}"),
        }
    }
}

fn errno_words(errno: i32) -> &'static str {
    match errno {
        libc::ENETUNREACH => "no route",
        libc::EHOSTUNREACH => "no route to the host",
        libc::EHOSTDOWN => "the host is down",
        libc::EPERM => "operation not permitted",
        libc::EMSGSIZE => "message too long",
        _ => "unknown error",
    }
}

/// RFC 792; RFC 1122, section 3.2.2.1; RFC 1812, section 5.2.7.1.
fn icmp_words(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (3, 0) => "no route to the network",
        (3, 1) => "host unreachable",
        (3, 2) => "protocol unreachable",
        (3, 3) => "port unreachable",
        (3, 4) => "fragmentation needed",
        (3, 5) => "source route failed",
        (3, 6) => "network unknown",
        (3, 7) => "host unknown",
        (3, 9) => "network administratively prohibited",
        (3, 10) => "host administratively prohibited",
        (3, 11) => "network unreachable for this type of service",
        (3, 12) => "host unreachable for this type of service",
        (3, 13) => "administratively prohibited",
        (11, 0) => "time to live exceeded",
        (11, 1) => "fragment reassembly time exceeded",
        (12, _) => "parameter problem",
        _ => "",
    }
}

/// RFC 4443, section 3.
fn icmp6_words(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (1, 0) => "no route",
        (1, 1) => "administratively prohibited",
        (1, 2) => "beyond the scope of the source address",
        (1, 3) => "address unreachable",
        (1, 4) => "port unreachable",
        (1, 5) => "source address failed ingress or egress policy",
        (1, 6) => "reject route",
        (2, _) => "packet too big",
        (3, 0) => "hop limit exceeded",
        (3, 1) => "fragment reassembly time exceeded",
        (4, _) => "parameter problem",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: [u8; 4] = [10, 77, 0, 1];

    fn error(cause: PathCause, reporter: Reporter) -> PathError {
        PathError {
            cause,
            reporter,
            sender: Some(SENDER.into()),
            errno: libc::EHOSTUNREACH,
            mtu: None,
        }
    }

    const fn icmp(kind: u8, code: u8) -> PathCause {
        PathCause::Icmp { kind, code }
    }

    const fn icmp6(kind: u8, code: u8) -> PathCause {
        PathCause::Icmp6 { kind, code }
    }

    #[test]
    fn each_message_has_its_outcome() {
        use PathOutcome::{Refused, Rejected, TooBig, Unreachable, Unsent};
        use Reporter::{Ourselves, Router, Target};
        for (cause, reporter, outcome) in [
            (icmp(3, 3), Target, Refused),
            (icmp(3, 3), Router, Rejected),
            (icmp(3, 9), Router, Rejected),
            (icmp(3, 10), Target, Rejected),
            (icmp(3, 13), Router, Rejected),
            (icmp(3, 13), Ourselves, Unsent),
            (icmp(3, 0), Router, Unreachable),
            (icmp(3, 1), Ourselves, Unreachable),
            (icmp(11, 0), Router, Unreachable),
            (icmp(3, 4), Router, TooBig),
            (icmp6(1, 4), Target, Refused),
            (icmp6(1, 1), Router, Rejected),
            (icmp6(1, 5), Router, Rejected),
            (icmp6(1, 6), Router, Rejected),
            (icmp6(1, 4), Ourselves, Unsent),
            (icmp6(1, 0), Router, Unreachable),
            (icmp6(3, 0), Router, Unreachable),
            (icmp6(2, 0), Router, TooBig),
        ] {
            assert_eq!(error(cause, reporter).outcome(), outcome, "{cause:?}");
        }
    }

    #[test]
    fn each_outcome_has_its_words() {
        use Reporter::{Ourselves, Router, Target};
        for (cause, reporter, words) in [
            (icmp(3, 3), Target, "refused: nothing is listening there"),
            (
                icmp(3, 13),
                Router,
                "rejected by 10.77.0.1: ICMP 3/13, administratively prohibited",
            ),
            (
                icmp(3, 13),
                Ourselves,
                "blocked by our own firewall or kernel (ICMP 3/13, administratively prohibited)",
            ),
            (
                icmp6(1, 3),
                Ourselves,
                "unreachable: no neighbour answers (ICMPv6 1/3, address unreachable)",
            ),
            (
                icmp(11, 0),
                Router,
                "unreachable, reported by 10.77.0.1: ICMP 11/0, time to live exceeded",
            ),
            (
                icmp(3, 4),
                Router,
                "too big for the path, reported by 10.77.0.1 (ICMP 3/4, fragmentation needed)",
            ),
        ] {
            assert_eq!(error(cause, reporter).to_string(), words);
        }
    }

    #[test]
    fn an_error_number_alone_says_less() {
        let of = |errno| {
            PathError::of(&io::Error::from_raw_os_error(errno)).map(|error| error.to_string())
        };
        assert_eq!(
            of(libc::ECONNREFUSED).unwrap(),
            "refused: nothing is listening there"
        );
        assert_eq!(of(libc::ENETUNREACH).unwrap(), "unreachable: no route");
        assert_eq!(
            of(libc::EPERM).unwrap(),
            "blocked by our own firewall or kernel (operation not permitted)"
        );
        assert_eq!(of(libc::EAGAIN), None);
        assert_eq!(of(libc::ECONNRESET), None);
    }

    #[test]
    fn an_io_error_carries_it() {
        let path = error(PathCause::Icmp { kind: 3, code: 13 }, Reporter::Router);
        let carrier = io::Error::new(io::ErrorKind::HostUnreachable, path);
        assert_eq!(PathError::of(&carrier), Some(path));
    }
}
