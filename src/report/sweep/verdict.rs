//! What a sweep has found, in one sentence.

use std::fmt;

use bullhorn_client::sweep::{Limit, Measure, Obstacle, Summary};

/// As in `1372 bytes pass unfragmented (path MTU 1400, reported by 10.77.0.1); fragments pass up to
/// 65507`.
pub(super) struct Verdict<'a>(pub(super) &'a Summary);

const BLACK_HOLE: &str =
    "larger ones vanish silently: something drops ICMP, or drops them without ICMP";

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, limit) in self.0.limits().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            match limit.measure {
                Measure::Fragmented => fragmented(f, limit)?,
                Measure::Stream => stream(f, self.0, limit)?,
                _ => unfragmented(f, self.0, limit)?,
            }
        }
        Ok(())
    }
}

/// What is known of larger messages.
struct Larger<'a>(&'a Limit);

impl fmt::Display for Larger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.0;
        match (&limit.obstacle, limit.lost) {
            (Some(_), Some(lost)) if !limit.is_complete => write!(
                f,
                ", and {lost} do not; the sweep ended before the limit between them was found"
            ),
            _ if limit.is_black_hole() => write!(f, "; {BLACK_HOLE}"),
            (Some(Obstacle::Silence), _) => f.write_str("; larger ones vanish silently"),
            (Some(Obstacle::TooBig(_) | Obstacle::LocalMtu { .. }), _) => Ok(()),
            (None, _) => f.write_str(", the largest message tried"),
            (Some(obstacle), _) => write!(f, "; larger ones do not: {obstacle}"),
        }
    }
}

fn unfragmented(f: &mut fmt::Formatter<'_>, summary: &Summary, limit: &Limit) -> fmt::Result {
    let Some(passed) = limit.passed else {
        return nothing(f, limit, "unfragmented");
    };
    write!(f, "{passed} bytes pass unfragmented")?;
    let reported = limit
        .too_big
        .and_then(|error| Some((error.mtu?, error.sender?)));
    match (summary.path_mtu(), reported, &limit.obstacle) {
        (Some(path_mtu), Some((mtu, sender)), _) if mtu as usize == path_mtu => {
            write!(f, " (path MTU {path_mtu}, reported by {sender})")?;
        }
        (Some(path_mtu), Some((mtu, sender)), _) => {
            write!(f, " (path MTU {path_mtu}; {sender} reports {mtu})")?;
        }
        (Some(path_mtu), None, _) => write!(f, " (path MTU {path_mtu})")?,
        (None, _, Some(Obstacle::LocalMtu { mtu: Some(mtu) })) if limit.is_complete => {
            write!(f, " (local MTU {mtu})")?;
        }
        (None, _, Some(Obstacle::LocalMtu { mtu: None })) => f.write_str(" (local MTU)")?,
        _ => {}
    }
    write!(f, "{}", Larger(limit))
}

fn fragmented(f: &mut fmt::Formatter<'_>, limit: &Limit) -> fmt::Result {
    match (limit.passed, &limit.obstacle) {
        (Some(passed), None) => write!(f, "fragments pass up to {passed}"),
        (Some(passed), _) => write!(f, "fragments pass up to {passed}{}", Larger(limit)),
        (None, None) => f.write_str("fragments were not tried"),
        (None, Some(Obstacle::Silence)) => f.write_str("fragments vanish silently"),
        (None, Some(obstacle)) => write!(f, "fragments do not pass: {obstacle}"),
    }
}

fn stream(f: &mut fmt::Formatter<'_>, summary: &Summary, limit: &Limit) -> fmt::Result {
    let Some(passed) = limit.passed else {
        return nothing(f, limit, "over TCP");
    };
    write!(f, "{passed} bytes pass over TCP")?;
    if let Some(mss) = summary.mss {
        write!(f, " (MSS {}", mss.in_force)?;
        if mss.in_force != mss.at_connect {
            write!(f, ", {} at first", mss.at_connect)?;
        }
        match mss.path_mtu {
            Some(path_mtu) => write!(f, ", path MTU {path_mtu} as far as the kernel knows)")?,
            None => f.write_str(")")?,
        }
    }
    write!(f, "{}", Larger(limit))
}

fn nothing(f: &mut fmt::Formatter<'_>, limit: &Limit, way: &str) -> fmt::Result {
    match &limit.obstacle {
        Some(obstacle) if limit.is_complete => {
            write!(f, "{} bytes do not pass {way}: {obstacle}", limit.from)
        }
        _ => write!(f, "the sweep ended before any size passed {way}"),
    }
}
