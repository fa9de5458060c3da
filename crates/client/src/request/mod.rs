//! The client: texts out, answers back, each checked and paired with its own text.
//!
//! In reading order: [`texts`] says where texts come from, `queue` keeps outcomes in the order of
//! the texts, `flow` is one datagram socket with at most one text under way, `settled` knows a late
//! copy of an answer, `datagram` keeps many flows under way; `connection` has many lines under way,
//! `awaited` is the answer that it owes next, `stream` goes from one connection to the next;
//! [`answer`] is what comes back. Plain blocking threads and poll(2): a client must not measure its own runtime. Nothing
//! here reads arguments or prints.

mod answer;
mod awaited;
mod connection;
mod datagram;
mod flow;
mod queue;
mod recent_replies;
mod settings;
mod stream;
mod texts;

use std::fmt;
use std::ops::ControlFlow;

pub use crate::ask::diagnosis::Problem;
pub use answer::Answer;
pub use settings::Settings;
pub use texts::{Given, Lines, Next, Texts};

use crate::ask::candidates::Candidates;
use bullhorn_socket::endpoint::{Endpoint, ParseEndpointError, SocketType};
use bullhorn_socket::error::{Error, Result};
use bullhorn_socket::stop::Stop;
use queue::Queue;

/// What became of one text.
#[derive(Debug)]
pub struct Outcome {
    /// Which text, counted from 1.
    pub number: u64,
    /// Its answer, right or wrong, or why there is none.
    pub result: Result<Answer>,
}

/// Is told what happens during an exchange.
pub trait Observer {
    /// From now on this address is asked.
    fn using(&mut self, endpoint: &Endpoint) {
        let _ = endpoint;
    }

    /// The next text in order has its outcome. `Break` ends the exchange.
    fn outcome(&mut self, outcome: Outcome) -> ControlFlow<()>;
}

/// Asks one endpoint.
///
/// ```
/// use bullhorn_client::Client;
/// use bullhorn_server::Server;
///
/// let server = Server::builder().endpoint("unix:@bullhorn-client-doc").start()?;
/// let mut client = Client::connect(&server.endpoints()[0])?;
/// assert_eq!(client.request("grüße")?, "GRÜSSE");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client {
    transport: Transport,
}

enum Transport {
    Datagram(datagram::Exchange),
    Stream(stream::Exchange),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", self.endpoint())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client with the default settings, for an endpoint as text, as a
    /// [`SocketAddr`](std::net::SocketAddr) (UDP) or as an [`Endpoint`].
    ///
    /// # Errors
    /// See [`Client::with_settings`].
    pub fn connect<E>(endpoint: E) -> Result<Self>
    where
        E: TryInto<Endpoint>,
        E::Error: Into<ParseEndpointError>,
    {
        Self::with_settings(endpoint, Settings::default())
    }

    /// Resolves the endpoint and connects to its first address, a stream to the first that
    /// accepts.
    ///
    /// # Errors
    /// [`Error::Usage`] for an endpoint that only a server can use, [`Error::Resolve`],
    /// [`Error::Refused`], [`Error::NoAnswer`] and [`Error::Socket`].
    pub fn with_settings<E>(endpoint: E, settings: Settings) -> Result<Self>
    where
        E: TryInto<Endpoint>,
        E::Error: Into<ParseEndpointError>,
    {
        Self::with_stop(endpoint, settings, Stop::never())
    }

    /// As [`Self::with_settings`]. When `stop` comes, texts without an answer end with
    /// [`Error::Stopped`], and no more are taken from their source.
    ///
    /// A name has [`RESOLVE_TIMEOUT`](bullhorn_socket::endpoint::RESOLVE_TIMEOUT) to be resolved, or
    /// the timeout of the settings if that is longer.
    ///
    /// # Errors
    /// As [`Self::with_settings`]; also [`Error::Stopped`].
    pub fn with_stop<E>(endpoint: E, settings: Settings, stop: Stop) -> Result<Self>
    where
        E: TryInto<Endpoint>,
        E::Error: Into<ParseEndpointError>,
    {
        let endpoint = endpoint.try_into().map_err(Into::into)?;
        let candidates = Candidates::resolve(&endpoint, settings.family, settings.timeout, &stop)?;
        let transport = match endpoint.socket_type() {
            Some(SocketType::Stream) => {
                Transport::Stream(stream::Exchange::connect(candidates, settings, stop)?)
            }
            _ => Transport::Datagram(datagram::Exchange::open(candidates, settings, stop)?),
        };
        Ok(Self { transport })
    }

    /// The address that is asked.
    pub fn endpoint(&self) -> &Endpoint {
        match &self.transport {
            Transport::Datagram(exchange) => exchange.endpoint(),
            Transport::Stream(exchange) => exchange.endpoint(),
        }
    }

    /// Sends one text and waits for its answer.
    ///
    /// # Errors
    /// [`Error::WrongAnswer`] when the answer is not the text in capitals; [`Error::Refused`],
    /// [`Error::NoAnswer`], [`Error::Closed`] and [`Error::Socket`] when there is none;
    /// [`Error::TooLong`] when the text does not fit a datagram.
    pub fn request(&mut self, text: impl AsRef<[u8]>) -> Result<Answer> {
        struct Only(Option<Result<Answer>>);
        impl Observer for Only {
            fn outcome(&mut self, outcome: Outcome) -> ControlFlow<()> {
                self.0 = Some(outcome.result);
                ControlFlow::Break(())
            }
        }
        let mut only = Only(None);
        let mut texts = Given::new([text.as_ref().to_vec()]);
        self.run(&mut texts, &mut only, false)?;
        let answer = only.0.unwrap_or_else(|| {
            Err(Error::Closed {
                endpoint: self.endpoint().clone(),
            })
        })?;
        match answer.problem() {
            Some(problem) => Err(Error::WrongAnswer {
                endpoint: self.endpoint().clone(),
                problem: problem.to_string(),
            }),
            None => Ok(answer),
        }
    }

    /// Sends all texts, many under way at once, and tells `observer` the outcomes in their order.
    /// A stream is half-closed after the last text, so the client is used up.
    ///
    /// # Errors
    /// What ends the whole exchange: the texts cannot be read, no socket can be made. What befalls
    /// one text is in its [`Outcome`].
    pub fn exchange(mut self, texts: &mut dyn Texts, observer: &mut dyn Observer) -> Result<()> {
        observer.using(self.endpoint());
        self.run(texts, observer, true)
    }

    fn run(
        &mut self,
        texts: &mut dyn Texts,
        observer: &mut dyn Observer,
        half_close: bool,
    ) -> Result<()> {
        match &mut self.transport {
            Transport::Datagram(exchange) => exchange.run(texts, observer),
            Transport::Stream(exchange) => exchange.run(texts, observer, half_close),
        }
    }
}

fn stopped(endpoint: &Endpoint) -> Error {
    Error::Stopped {
        endpoint: endpoint.clone(),
    }
}

/// Texts that were given and will not be sent any more. What a source that must be waited for would
/// still say, nobody knows.
fn leave_unsent(texts: &mut dyn Texts, queue: &mut Queue, endpoint: &Endpoint) -> Result<()> {
    while texts.descriptor().is_none()
        && !matches!(
            texts.next(0).map_err(Error::Texts)?,
            Next::End | Next::NotYet
        )
    {
        let number = queue.push(0);
        queue.settle(number, Err(stopped(endpoint)));
    }
    Ok(())
}
