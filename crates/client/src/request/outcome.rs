//! The outcomes of texts, and the observer that gets them.

use std::ops::ControlFlow;

use super::answer::Answer;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Result;

/// The outcome of one text.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The number of the text, counted from 1.
    pub number: u64,
    /// Its answer, right or wrong, or the reason why there is none.
    pub result: Result<Answer>,
}

/// Observes an exchange.
pub trait Observer {
    /// From now on texts go to this address.
    fn using(&mut self, endpoint: &Endpoint) {
        let _ = endpoint;
    }

    /// The next text in order has its outcome. `Break` ends the exchange.
    fn outcome(&mut self, outcome: Outcome) -> ControlFlow<()>;
}
