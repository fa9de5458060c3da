//! The largest message that passes a path: as one packet, in fragments, and over TCP.
//!
//! A size passes when a message of it gets the right answer, which has the same size; each has up
//! to three tries. So a limit in either direction shows, and which direction is known only where a
//! router reports it.
//!
//! In reading order: [`Settings`]; `bisection` decides which size is next; an [`Obstacle`] is why
//! a size does not pass; a `prober` tries a size, over datagrams (`datagram`) or TCP (`stream`),
//! until the end that `waiting` watches for; `search` brings them together, and a [`Summary`] is
//! the result.

mod bisection;
mod datagram;
mod obstacle;
mod prober;
mod search;
mod settings;
mod stream;
mod summary;
mod waiting;

use std::time::{Instant, SystemTime};

pub use obstacle::Obstacle;
pub use settings::Settings;
pub use stream::Mss;
pub use summary::{Begin, Event, Limit, Measure, SizeResult, Summary};

use crate::ask::candidates::Candidates;
use crate::ping::text::{ProbeTexts, TOKEN_LENGTH};
use crate::trial::Trial;
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::{Address, Stop};
use datagram::DatagramProber;
use prober::Prober;
use search::Search;
use stream::StreamProber;
use waiting::End;

/// The headers of IPv4 (RFC 791, without options), IPv6 (RFC 8200) and UDP (RFC 768), in bytes.
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;

/// Finds the largest message that `endpoint` answers. `observe` gets what happens meanwhile.
///
/// ```
/// use bullhorn_server::Server;
/// use bullhorn_client::sweep::{Settings, run};
/// use bullhorn_socket::Stop;
///
/// let server = Server::builder().endpoint("tcp://127.0.0.1:0").start()?;
/// let endpoint = &server.endpoints()[0];
/// let summary = run(endpoint, &Settings::default(), &Stop::never(), &mut |_| {})?;
/// assert_eq!(summary.stream.unwrap().passed, Some(65_536));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSettings`]; [`Error::UnsuitableEndpoint`] also for a Unix socket, which has no
/// path; [`Error::TooLong`] when the largest size does not fit a datagram; [`Error::Resolve`],
/// [`Error::NoSourceFamily`]; [`Error::Source`] and [`Error::Socket`] when no socket can be used.
pub fn run(
    endpoint: &Endpoint,
    settings: &Settings,
    stop: &Stop,
    observe: &mut dyn FnMut(&Event<'_>),
) -> Result<Summary> {
    settings.check(endpoint)?;
    let start = Instant::now();
    let deadline = settings.deadline.map(|deadline| start + deadline);
    let (family, options) = (settings.family, &settings.connect);
    let candidates = Candidates::resolve(endpoint, family, options, settings.timeout, stop)?;
    let mut text = Vec::new();
    ProbeTexts::with_random_nonce(TOKEN_LENGTH, None).write(0, &mut text);
    let trial = Trial::new(&text, options, settings.timeout);
    let address = trial.choose(&candidates, deadline, stop)?;
    let (from, to) = settings.range(&address)?;
    let header = header_of(&address)?;
    let mut begin = Begin {
        given: endpoint,
        endpoint: &address,
        started_at: SystemTime::now(),
        source: None,
        from,
        to,
    };
    let end = End { deadline, stop };
    let mut search = Search::new(settings.timeout, end, start, header);
    let mut summary = Summary::new(endpoint, &address, header);
    if address.socket_type() == Some(SocketType::Stream) {
        observe(&Event::Begin(&begin));
        let mut prober = StreamProber::new(&address, options);
        let limit = search.find(&mut prober, Measure::Stream, (from, to), observe)?;
        summary.stream = Some(limit);
        summary.mss = prober.mss();
        summary.finish(&prober, &search, start);
        return Ok(summary);
    }
    let mut prober = DatagramProber::open(&address, options, header)?;
    prober.set_fragments(false)?;
    begin.source = prober.source();
    observe(&Event::Begin(&begin));
    let limit = search.find(&mut prober, Measure::Unfragmented, (from, to), observe)?;
    if let Some(from) = search.first_fragmented(&limit) {
        prober.set_fragments(true)?;
        let limit = search.find(&mut prober, Measure::Fragmented, (from, to), observe)?;
        summary.fragmented = Some(limit);
    }
    summary.unfragmented = Some(limit);
    summary.finish(&prober, &search, start);
    Ok(summary)
}

impl Summary {
    fn finish(&mut self, prober: &dyn Prober, search: &Search<'_>, start: Instant) {
        self.source = prober.source();
        (self.sent, self.late) = prober.sent_and_late();
        self.local_mtu = search.local_mtu();
        self.elapsed = start.elapsed();
    }
}

/// The bytes of a UDP packet to `address` before the message.
fn header_of(address: &Endpoint) -> Result<usize> {
    let fail = |source| Error::socket(Operation::Connect, address, source);
    let peer = Address::of(address).map_err(fail)?.canonical();
    let is_ipv4 = peer.is_some_and(|peer| peer.is_ipv4());
    Ok(UDP_HEADER + if is_ipv4 { IPV4_HEADER } else { IPV6_HEADER })
}
