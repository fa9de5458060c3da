//! How a client asks.

use std::time::Duration;

use bullhorn_socket::ConnectOptions;
use bullhorn_socket::endpoint::FamilyFilter;

/// How a client sends texts and waits for answers. Start from [`Settings::default`] and set what
/// differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The maximum number of texts in flight, at least 1.
    pub window: usize,
    /// How long to wait for an answer before the text is sent again or given up. Over a stream: as
    /// long again for each 256 KiB of a text and its answer, but never longer than this while the
    /// peer takes no byte. Connecting has this time for each of the tries, `1 + retries`.
    pub timeout: Duration,
    /// How many times a datagram without an answer is sent again. On a stream the kernel
    /// retransmits, also what makes the connection.
    pub retries: u32,
    /// Which addresses of a name may be used.
    pub family: FamilyFilter,
    /// How packets leave this machine. Over datagrams, with a source port there is one text in
    /// flight, regardless of the window.
    pub connect: ConnectOptions,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: 32,
            timeout: Duration::from_secs(1),
            retries: 2,
            family: FamilyFilter::All,
            connect: ConnectOptions::default(),
        }
    }
}
