//! The client: texts out, answers back, each checked and paired with its own text.
//!
//! In reading order: `texts` is where texts come from, `lines` reads them from a file, a pipe or a
//! terminal; `queue` keeps outcomes in the order of the texts; `flow` is one datagram flow with at
//! most one text in flight, `recent_replies` recognises late copies, and `datagram` keeps many
//! flows busy; `connection` has many lines in flight, `awaited` is the answer that it expects next,
//! `broken` why it ends, and `stream` goes from one connection to the next; `answer` is what comes
//! back, and `outcome` is the result for one text. Plain blocking threads and ppoll(2): a client
//! must not measure its own runtime. Nothing here reads arguments or prints.

mod answer;
mod awaited;
mod broken;
mod connection;
mod datagram;
mod flow;
mod lines;
mod outcome;
mod queue;
mod recent_replies;
mod settings;
mod stream;
mod texts;

use std::fmt;
use std::ops::ControlFlow;

pub use crate::ask::diagnosis::{Diagnosis, Problem};
pub use crate::ask::excerpt::AnswerExcerpt;
pub use answer::Answer;
pub use lines::Lines;
pub use outcome::{Observer, Outcome};
pub use settings::Settings;
pub use texts::{Next, TextList, Texts};

use crate::ask::candidates::Candidates;
use crate::ask::reply_name;
use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::{Endpoint, ParseEndpointError, SocketType};
use bullhorn_socket::error::{Error, Result};

/// Sends texts to one endpoint and checks the answers.
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
    /// [`Error::Endpoint`] for a malformed endpoint, [`Error::UnsuitableEndpoint`] for one that only a server can
    /// use, [`Error::Resolve`],
    /// [`Error::NoSourceFamily`], [`Error::Source`],
    /// [`Error::Path`], [`Error::NoAnswer`] and [`Error::Socket`].
    pub fn with_settings<E>(endpoint: E, settings: Settings) -> Result<Self>
    where
        E: TryInto<Endpoint>,
        E::Error: Into<ParseEndpointError>,
    {
        Self::with_stop(endpoint, settings, Stop::never())
    }

    /// As [`Self::with_settings`]. Once `stop` is requested, texts without an answer end with
    /// [`Error::Stopped`], and no more are taken from their source.
    ///
    /// A name has [`RESOLVE_TIMEOUT`](bullhorn_socket::RESOLVE_TIMEOUT) to be resolved, or
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
        let Settings {
            family, timeout, ..
        } = settings;
        let candidates = Candidates::resolve(&endpoint, family, &settings.connect, timeout, &stop)?;
        let transport = match endpoint.socket_type() {
            Some(SocketType::Stream) => {
                Transport::Stream(stream::Exchange::connect(candidates, settings, stop)?)
            }
            _ => {
                let connect = reply_name::choose(&endpoint, &settings.connect, timeout, &stop);
                let settings = Settings {
                    connect,
                    ..settings
                };
                Transport::Datagram(datagram::Exchange::open(candidates, settings, stop)?)
            }
        };
        Ok(Self { transport })
    }

    /// The address that texts go to.
    pub fn endpoint(&self) -> &Endpoint {
        match &self.transport {
            Transport::Datagram(exchange) => exchange.endpoint(),
            Transport::Stream(exchange) => exchange.endpoint(),
        }
    }

    /// Sends one text and waits for its answer.
    ///
    /// # Errors
    /// [`Error::WrongAnswer`] when the answer is not the text in capitals; [`Error::Path`],
    /// [`Error::NoAnswer`], [`Error::Closed`] and [`Error::Socket`] when there is none;
    /// [`Error::TooLong`] when the text does not fit a datagram.
    pub fn request(&mut self, text: impl AsRef<[u8]>) -> Result<Answer> {
        struct First(Option<Result<Answer>>);
        impl Observer for First {
            fn outcome(&mut self, outcome: Outcome) -> ControlFlow<()> {
                self.0 = Some(outcome.result);
                ControlFlow::Break(())
            }
        }
        let mut first = First(None);
        let mut texts = TextList::new([text.as_ref().to_vec()]);
        self.run(&mut texts, &mut first, false)?;
        let answer = first.0.unwrap_or_else(|| {
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

    /// Sends all texts, many in flight at once, and reports the outcomes in order to `observer`. A
    /// stream is half-closed after the last text, so this consumes the client.
    ///
    /// # Errors
    /// Those that end the whole exchange: the texts cannot be read, no socket can be created. An
    /// error of a single text is in its [`Outcome`].
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
