//! What may be typed after `bullhorn send`, and what it means to the client.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::family_flags::FamilyFlags;
use super::help::endpoints_and_exit_codes;
use super::output_flags::OutputFlags;
use super::values::PositiveDuration;
use bullhorn_client::request::Settings;
use bullhorn_socket::endpoint::Endpoint;

/// `bullhorn send`
#[derive(Debug, Args)]
#[command(after_help = endpoints_and_exit_codes())]
pub(crate) struct Send {
    /// Whom to ask
    #[arg(default_value_t = Endpoint::default(), env = "BULLHORN_ENDPOINT")]
    pub(crate) endpoint: Endpoint,
    /// What to send [default: each line of standard input; on a terminal, a prompt]
    #[arg(value_name = "TEXT")]
    pub(crate) texts: Vec<std::ffi::OsString>,
    /// How long to wait for an answer before sending the text again or giving it up
    ///
    /// Over a stream, a long text has as long again for each 256 KiB of it and its answer, but no
    /// longer than this while the peer takes no byte.
    #[arg(long, value_name = "DURATION", env = "BULLHORN_TIMEOUT",
        default_value_t = PositiveDuration(Settings::default().timeout))]
    pub(crate) timeout: PositiveDuration,
    /// How often to send a datagram again that has no answer; streams are repeated by the kernel
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_RETRIES", default_value_t = Settings::default().retries)]
    pub(crate) retries: u32,
    /// How many texts to keep under way at once
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_WINDOW",
        default_value_t = Settings::default().window as u32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) window: u32,
    /// Go on after a text without an answer, and say at the end how many failed
    #[arg(long, env = "BULLHORN_KEEP_GOING", value_parser = FalseyValueParser::new())]
    pub(crate) keep_going: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) family: FamilyFlags,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) output: OutputFlags,
}

impl Send {
    /// How the client is to ask.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.window = self.window as usize;
        settings.timeout = self.timeout.0;
        settings.retries = self.retries;
        settings.family = self.family.filter();
        settings
    }
}
