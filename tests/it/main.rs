//! The one integration binary: Bullhorn over real sockets, a module per topic.
//!
//! Every test binds port 0 or a unique name and waits for conditions, never for time to pass.
//! A test whose program or privilege is missing prints "skipped" and the reason. A module about what
//! only Linux has (/proc, abstract names, namespaces, every address of 127.0.0.0/8) is compiled there.

#![allow(unreachable_pub, reason = "an integration binary has no outside")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

mod support;
#[cfg(target_os = "linux")]
mod support_netns;
#[cfg(target_os = "linux")]
mod support_path;
#[cfg(target_os = "linux")]
mod support_refusal;
#[cfg(target_os = "linux")]
mod support_routers;
#[cfg(target_os = "linux")]
mod support_strace;

#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod bench_connecting;
#[cfg(target_os = "linux")]
mod bench_hostile;
#[cfg(target_os = "linux")]
mod bench_limits;
#[cfg(target_os = "linux")]
mod bench_schedule;
#[cfg(target_os = "linux")]
mod bind;
#[cfg(target_os = "linux")]
mod connect_options;
#[cfg(target_os = "linux")]
mod demo;
#[cfg(target_os = "linux")]
mod descriptors_reserve;
#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod flood;
#[cfg(target_os = "linux")]
mod flow_diagnosis;
#[cfg(target_os = "linux")]
mod guard;
#[cfg(target_os = "linux")]
mod hostile_server;
mod http_slots;
#[cfg(target_os = "linux")]
mod impair;
#[cfg(target_os = "linux")]
mod inherit;
#[cfg(target_os = "linux")]
mod interop;
#[cfg(target_os = "linux")]
mod ipv6;
mod lesson;
mod library;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod log_output;
#[cfg(target_os = "linux")]
mod message_size;
#[cfg(target_os = "linux")]
mod metrics;
#[cfg(target_os = "linux")]
mod mptcp;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod own_port;
mod pages;
#[cfg(target_os = "linux")]
mod passed_descriptors;
#[cfg(target_os = "linux")]
mod path_errors;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod ping;
#[cfg(target_os = "linux")]
mod ping_reconnect;
#[cfg(target_os = "linux")]
mod prompt;
#[cfg(target_os = "linux")]
mod proxies;
#[cfg(target_os = "linux")]
mod receive_buffer;
#[cfg(target_os = "linux")]
mod refused_calls;
mod relay;
#[cfg(target_os = "linux")]
mod reply_address;
#[cfg(target_os = "linux")]
mod restarts;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(target_os = "linux")]
mod schemas;
#[cfg(target_os = "linux")]
mod send;
#[cfg(target_os = "linux")]
mod send_connecting;
#[cfg(target_os = "linux")]
mod send_limits;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod serve_end;
#[cfg(target_os = "linux")]
mod service_manager;
#[cfg(target_os = "linux")]
mod socket_calls;
#[cfg(target_os = "linux")]
mod stopped_prober;
#[cfg(target_os = "linux")]
mod stream_limits;
#[cfg(target_os = "linux")]
mod sweep;
#[cfg(target_os = "linux")]
mod trace;
#[cfg(target_os = "linux")]
mod units;
#[cfg(target_os = "linux")]
mod unix_datagram;
#[cfg(target_os = "linux")]
mod unix_file;
#[cfg(target_os = "linux")]
mod unix_networks;
#[cfg(target_os = "linux")]
mod unix_packet;
#[cfg(target_os = "linux")]
mod unix_senders;
mod uppercase_python;
#[cfg(target_os = "linux")]
mod urgent_data;
mod usage;
mod visible;
