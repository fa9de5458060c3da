//! The one integration binary: Bullhorn over real sockets, a module per topic.
//!
//! Every test binds port 0 or a unique name and waits for conditions, never for time to pass.
//! A test whose program or privilege is missing prints "skipped" and the reason.

#![allow(unreachable_pub, reason = "an integration binary has no outside")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

mod support;
mod support_netns;
mod support_path;
mod support_refusal;
mod support_strace;

mod bench;
mod bench_connecting;
mod bench_hostile;
mod bench_limits;
mod bench_schedule;
mod bind;
mod connect_options;
mod demo;
mod descriptors_reserve;
mod ends;
mod faults;
mod flood;
mod guard;
mod hostile_server;
mod http_slots;
mod impair;
mod inherit;
mod interop;
mod ipv6;
mod lesson;
mod library;
mod limits;
mod log_output;
mod message_size;
mod metrics;
mod output;
mod own_port;
mod pages;
mod passed_descriptors;
mod path_errors;
mod peers;
mod ping;
mod ping_reconnect;
mod prompt;
mod proxies;
mod receive_buffer;
mod refused_calls;
mod relay;
mod reply_address;
mod restarts;
mod sandbox;
mod schemas;
mod send;
mod send_limits;
mod serve;
mod serve_end;
mod service_manager;
mod socket_calls;
mod stopped_prober;
mod stream_limits;
mod units;
mod unix_datagram;
mod unix_file;
mod unix_networks;
mod unix_senders;
mod uppercase_python;
mod urgent_data;
mod usage;
mod visible;
