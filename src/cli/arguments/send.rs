//! The arguments of `bullhorn send` and their translation into settings.

use clap::Args;

use super::connect_flags::ConnectFlags;
use super::family_flags::FamilyFlags;
use super::output_flags::OutputFlags;
use super::values::PositiveDuration;
use bullhorn_client::request::Settings;
use bullhorn_socket::endpoint::Endpoint;

/// `bullhorn send`
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Endpoint to query
    #[arg(default_value_t = Endpoint::default())]
    pub(crate) endpoint: Endpoint,
    /// Texts to send [default: the lines of standard input, or a prompt]
    #[arg(value_name = "TEXT")]
    pub(crate) texts: Vec<std::ffi::OsString>,
    /// How long to wait for an answer
    ///
    /// After that, a datagram is sent again or counts as unanswered. Over a stream, a long text has
    /// this time once more for each 256 KiB of text and answer, but only this time while the peer
    /// takes no byte. Connecting has as long as a datagram with all its retries, 3s by default, so
    /// that one lost packet does not prevent it.
    #[arg(help_heading = "Requests", long, value_name = "DURATION", default_value_t = PositiveDuration(Settings::default().timeout))]
    pub(crate) timeout: PositiveDuration,
    /// How often to resend an unanswered datagram
    ///
    /// Over a stream the kernel retransmits, and this only lengthens the time to connect.
    #[arg(help_heading = "Requests", long, value_name = "NUMBER", default_value_t = Settings::default().retries)]
    pub(crate) retries: u32,
    /// Requests in flight at once
    #[arg(help_heading = "Requests", long, value_name = "NUMBER", default_value_t = Settings::default().window as u32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) window: u32,
    /// Continue after a failed text, and report the counts at the end
    #[arg(help_heading = "Requests", long)]
    pub(crate) keep_going: bool,
    #[command(flatten)]
    pub(crate) family: FamilyFlags,
    #[command(flatten)]
    pub(crate) connect: ConnectFlags,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl Send {
    /// The settings of the client.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.window = self.window as usize;
        settings.timeout = self.timeout.0;
        settings.retries = self.retries;
        settings.family = self.family.filter();
        settings.connect = self.connect.options();
        settings
    }
}
