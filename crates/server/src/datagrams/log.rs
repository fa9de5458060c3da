//! Requests and answers as log lines, for `-v`.

use bullhorn_socket::Peer;
use bullhorn_socket::call::Excerpt;
use bullhorn_socket::datagrams::{Inbox, Outbox};
use bullhorn_socket::endpoint::{Endpoint, SocketType};

/// Logs each request of a batch.
pub(super) fn requests(endpoint: &Endpoint, inbox: &Inbox) {
    for (index, run) in inbox.runs().iter().enumerate() {
        let peer = Peer(&run.peer, SocketType::Datagram);
        let bytes = inbox.bytes(index);
        if bytes.is_empty() {
            tracing::debug!("{endpoint}: {peer} asks \"\"");
        }
        for segment in bytes.chunks(run.segment_size.max(1)) {
            tracing::debug!("{endpoint}: {peer} asks {}", Excerpt(segment));
        }
    }
}

/// Logs each answer of a batch, and why it was not sent if it was not.
pub(super) fn answers(endpoint: &Endpoint, inbox: &Inbox, outbox: &Outbox) {
    for (index, answer) in outbox.answers.iter().enumerate() {
        let peer = Peer(&inbox.runs()[answer.run].peer, SocketType::Datagram);
        let outcome = match outbox
            .failures
            .iter()
            .find(|failure| failure.answer == index)
        {
            Some(failure) => format!(
                " (not sent: {})",
                bullhorn_socket::error::plain(&failure.error)
            ),
            None => String::new(),
        };
        let bytes = outbox.bytes(inbox, answer);
        if bytes.is_empty() {
            tracing::debug!("{endpoint}: {peer} gets \"\"{outcome}");
        }
        for segment in bytes.chunks(answer.segment_size) {
            tracing::debug!("{endpoint}: {peer} gets {}{outcome}", Excerpt(segment));
        }
    }
}
