//! Protection against abuse: who may ask, how often, and what would never end.
//!
//! In reading order: [`Networks`] are allowed or denied, `spoofing` recognises datagrams that only a
//! spoofed source would send, [`Rates`] limits each source, and [`Loops`] ends endless exchanges; both
//! keep their times in `slots`. A `Guard` has one of each for a whole server (`shared`); a `Filter` is
//! one worker's view of it. All but the clock is pure: time comes in as a number.

mod filter;
mod loops;
mod networks;
mod options;
mod prefixes;
mod rate_limit;
mod rates;
mod shared;
mod slots;
mod spoofing;

pub(super) use filter::Filter;
pub use loops::{BURST, Loops, QUIET, Source};
pub use networks::Networks;
pub use options::GuardOptions;
pub use prefixes::Prefix;
pub use rate_limit::{DEFAULT_RATE, RateLimit};
pub use rates::Rates;
pub(super) use shared::Guard;
pub use spoofing::{REFLECTING_PORTS, Sources};
