//! Protection against abuse: which sources are answered, how often, and endless exchanges.
//!
//! In reading order: `networks` are allowed or denied, `spoofing` recognises datagrams that only a
//! spoofed source would send, `rates` limits each source, and `loops` ends endless exchanges; both
//! keep their times in `slots`. A `Guard` has one of each for a whole server (`shared`); a `Filter` is
//! one worker's view of it. All but the clock is pure: time comes in as a number.

mod filter;
#[allow(unreachable_pub, reason = "the fuzz targets use it")]
mod loops;
mod network;
#[allow(unreachable_pub, reason = "the fuzz targets use it")]
mod networks;
mod options;
mod prefixes;
mod rate_limit;
#[allow(unreachable_pub, reason = "the fuzz targets use it")]
mod rates;
mod shared;
mod slots;
mod spoofing;

pub(super) use filter::Filter;
#[cfg(test)]
pub(super) use loops::BURST;
pub(super) use loops::Source;
#[cfg(fuzzing)]
pub use loops::{BURST, Loops, QUIET};
pub use network::{Network, ParseNetworkError};
#[cfg(fuzzing)]
pub use networks::Networks;
pub use options::GuardOptions;
pub use prefixes::Prefix;
pub use rate_limit::{DEFAULT_RATE, ParseRateLimitError, RateLimit};
#[cfg(fuzzing)]
pub use rates::Rates;
pub(super) use shared::Guard;
