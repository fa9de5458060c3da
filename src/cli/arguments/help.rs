//! The sections that several help texts end with.

/// What each exit code means.
macro_rules! exit_codes {
    () => {
        "\
Exit codes:
  0  all is well
  1  a threshold or part of the work failed (partial loss)
  2  usage
  3  a wrong answer
  4  refused
  5  no answer at all
  6  name not resolved
  7  local trouble (bind, permission, file)"
    };
}

/// The end of every help text.
pub(super) const EXIT_CODES: &str = exit_codes!();

/// The end of the help texts that take an endpoint.
pub(super) const ENDPOINTS_AND_EXIT_CODES: &str = concat!(
    "\
Endpoints:
  udp://127.0.0.1:3000   UDP, also udp://[::1]:3000 and udp://[fe80::1%eth0]:3000
  tcp://127.0.0.1:3000   TCP
  unix:/run/b.sock       Unix stream; unix:@name is a Linux abstract name
  unixgram:/run/b.sock   Unix datagrams
  udp://:3000            every address of this machine (serve only)
  fd:3                   an inherited, bound descriptor (serve only)
  Without a scheme it is udp://, without a port 3000.

",
    exit_codes!()
);
