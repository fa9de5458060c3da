//! The sections after the flags, in the help and in the man pages.

use crate::cli::exit_code::ExitCode;

/// An invocation and what it does.
pub(crate) type Example = (&'static str, &'static str);

pub(super) const AFTER_SHORT_HELP: &str =
    "Details, examples, environment variables and exit codes: --help";

/// How environment variables relate to flags.
pub(crate) const ENVIRONMENT: &str = "\
Every flag can be set by an environment variable: --timeout by BULLHORN_TIMEOUT, --no-sandbox by
BULLHORN_NO_SANDBOX, the endpoint of a client by BULLHORN_ENDPOINT. A flag takes precedence; an
empty variable counts as unset.";

const ENDPOINTS: &str =
    "  udp://127.0.0.1:3000   UDP, also udp://[::1]:3000 and udp://[fe80::1%eth0]:3000
  tcp://127.0.0.1:3000   TCP
  mptcp://127.0.0.1:3000 TCP over several paths; TCP where the peer has no MPTCP
  unix:/run/b.sock       Unix stream; unix:@name is a Linux abstract name
  unixpacket:/run/b.sock Unix connection that keeps message boundaries (SOCK_SEQPACKET)
  unixgram:/run/b.sock   Unix datagrams
  udp://:3000            every address of this machine (serve only)
  fd:3                   an inherited, bound descriptor (serve only)
  The default scheme is udp://, the default port 3000.";

const PING_EXAMPLES: &[Example] = &[
    (
        "bullhorn ping udp://192.0.2.7:3000 -c 5",
        "Send five probes",
    ),
    (
        "bullhorn ping tcp://192.0.2.7:3000 --expect refused",
        "Test that a firewall rejects",
    ),
    (
        "bullhorn ping udp://192.0.2.7 --flows 8 -i 10ms --json",
        "Find a bad path, as JSON Lines",
    ),
    (
        "bullhorn ping udp://192.0.2.7:3000 --trace",
        "Find out where on the path it ends",
    ),
    (
        "bullhorn ping udp://192.0.2.7:3000 --sweep",
        "Find the largest message that passes",
    ),
];

/// The examples of a verb; none for a verb without flags.
pub(crate) fn examples(verb: &str) -> &'static [Example] {
    match verb {
        "serve" => &[
            ("bullhorn serve", "Serve on udp://127.0.0.1:3000"),
            (
                "bullhorn serve udp://:3000 tcp://:3000",
                "Serve UDP and TCP on every address",
            ),
            (
                "bullhorn serve --metrics 127.0.0.1:9300 --user nobody udp://:7",
                "Drop root after binding, and serve metrics",
            ),
            (
                "bullhorn serve --impair loss=2%,delay=20ms",
                "Simulate a bad network",
            ),
        ],
        "send" => &[
            (
                "bullhorn send udp://127.0.0.1:3000 \"hello, world\"",
                "Send one text",
            ),
            (
                "seq 1000 | bullhorn send tcp://localhost:3000",
                "Send each line of standard input",
            ),
        ],
        "ping" => PING_EXAMPLES,
        "bench" => &[
            ("bullhorn bench", "As fast as the windows allow"),
            (
                "bullhorn bench --rate 100000 -d 30s --html result.html",
                "An open loop, with a page",
            ),
            (
                "bullhorn bench --baseline old.json --fail-if 'p99>+10%'",
                "Fail on a regression",
            ),
        ],
        "demo" => &[("bullhorn demo \"hello, world\"", "Try every socket type")],
        "bullhorn" => &[
            ("bullhorn demo", "Try every socket type"),
            ("bullhorn serve", "Serve on udp://127.0.0.1:3000"),
            ("bullhorn send udp://127.0.0.1:3000 hello", "Send it a text"),
        ],
        _ => &[],
    }
}

/// What `--help` ends with.
pub(super) fn after_long_help(verb: &str) -> String {
    let mut sections = Vec::new();
    if ["serve", "send", "ping", "bench"].contains(&verb) {
        sections.push(format!("Endpoints:\n{ENDPOINTS}"));
    }
    if verb != "bullhorn" {
        let indented = ENVIRONMENT.replace('\n', "\n  ");
        sections.push(format!("Environment:\n  {indented}"));
    }
    let examples = examples(verb).iter();
    let examples = examples.map(|(command, purpose)| format!("\n  {purpose}:\n    {command}"));
    sections.push(format!("Examples:{}", examples.collect::<String>()));
    sections.push(ExitCode::table());
    sections.join("\n\n")
}
