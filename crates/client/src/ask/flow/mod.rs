//! One flow: a source port or a connection that carries texts and answers. Which answer belongs to
//! which text is not known here. Except for [`StreamFlow::connect`], no call waits.

mod datagram;
mod failure;
mod stream;

pub(crate) use datagram::DatagramFlow;
pub(crate) use failure::Failure;
pub(crate) use stream::StreamFlow;
