//! Tries one size, however it is carried.

use std::net::SocketAddr;
use std::time::Duration;

use super::obstacle::Obstacle;
use super::waiting::End;
use bullhorn_socket::error::Result;

/// How often a size is tried, so that one loss by chance does not decide.
const MAX_TRIES: u32 = 3;

/// The round trip of the right answer, or why there is none.
pub(super) type Reply = std::result::Result<Duration, Obstacle>;

pub(super) trait Prober {
    /// Prepares messages of `size` bytes.
    fn begin(&mut self, size: usize);

    /// Sends one and waits for its answer, at most for `wait`; `None` when `end` comes before.
    fn attempt(&mut self, wait: Duration, end: &End<'_>) -> Result<Option<Reply>>;

    /// How long to wait before the next attempt, of a message that is lost after `timeout`.
    fn spacing(&self, timeout: Duration) -> Duration;

    /// The address that it sends from.
    fn source(&self) -> Option<SocketAddr>;

    /// The messages sent so far, and the answers that came too late.
    fn sent_and_late(&self) -> (u64, u64);
}

/// What came of a size.
pub(super) struct Tried {
    pub(super) tries: u32,
    pub(super) reply: Reply,
}

/// Tries `size` up to three times; `None` when `end` comes before the result.
pub(super) fn try_size(
    prober: &mut dyn Prober,
    size: usize,
    timeout: Duration,
    end: &End<'_>,
) -> Result<Option<Tried>> {
    prober.begin(size);
    let mut obstacle = Obstacle::Silence;
    for tries in 1..=MAX_TRIES {
        let wait = match tries {
            MAX_TRIES => timeout,
            _ => prober.spacing(timeout),
        };
        let Some(reply) = prober.attempt(wait, end)? else {
            return Ok(None);
        };
        match reply {
            Err(Obstacle::Silence) => {}
            Err(found) => {
                let is_final = matches!(found, Obstacle::LocalMtu { .. });
                if obstacle == Obstacle::Silence {
                    obstacle = found;
                }
                if is_final {
                    let reply = Err(obstacle);
                    return Ok(Some(Tried { tries, reply }));
                }
            }
            reply => return Ok(Some(Tried { tries, reply })),
        }
    }
    let reply = Err(obstacle);
    Ok(Some(Tried {
        tries: MAX_TRIES,
        reply,
    }))
}
