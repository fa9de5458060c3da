//! The sections that several help texts end with.

use crate::cli::exit_code::ExitCode;

/// The end of every help text.
pub(super) fn exit_codes() -> String {
    ExitCode::table()
}

/// The end of the help texts that take an endpoint.
pub(super) fn endpoints_and_exit_codes() -> String {
    format!("{ENDPOINTS}\n\n{}", exit_codes())
}

const ENDPOINTS: &str = "\
Endpoints:
  udp://127.0.0.1:3000   UDP, also udp://[::1]:3000 and udp://[fe80::1%eth0]:3000
  tcp://127.0.0.1:3000   TCP
  unix:/run/b.sock       Unix stream; unix:@name is a Linux abstract name
  unixgram:/run/b.sock   Unix datagrams
  udp://:3000            every address of this machine (serve only)
  fd:3                   an inherited, bound descriptor (serve only)
  Without a scheme it is udp://, without a port 3000.";
