//! The library as others use it: a server as a fixture, a client, endpoints.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bullhorn::client::Settings;
use bullhorn::server::stats::Totals;
use bullhorn::{Client, Endpoint, Error, Server};

use crate::support::wait_until;

#[test]
fn a_server_stops_when_dropped_and_frees_its_port() {
    let server = Server::builder()
        .endpoint("udp://127.0.0.1:0")
        .start()
        .unwrap();
    let endpoint = server.endpoints()[0].clone();
    assert_eq!(
        Client::connect(&endpoint).unwrap().request("a").unwrap(),
        "A"
    );
    drop(server);
    // A program that another test is starting holds a copy until its exec.
    let mut again = None;
    wait_until("the port is free", || {
        again = Server::builder().endpoint(endpoint.clone()).start().ok();
        again.is_some()
    });
    assert!(again.unwrap().stop().is_balanced());
}

#[test]
fn stats_count_what_was_answered_endpoint_by_endpoint() {
    let server = Server::builder()
        .endpoint("udp://127.0.0.1:0")
        .endpoint("tcp://127.0.0.1:0")
        .start()
        .unwrap();
    for endpoint in server.endpoints() {
        let mut client = Client::connect(&endpoint).unwrap();
        for text in ["a", "b", "c"] {
            assert_eq!(client.request(text).unwrap(), text.to_uppercase().as_str());
        }
    }
    let stats = server.stop();
    assert!(stats.is_balanced(), "{stats:?}");
    let [
        (_, Totals::Datagram(datagrams)),
        (_, Totals::Stream(streams)),
    ] = &stats.endpoints[..]
    else {
        panic!("{stats:?}");
    };
    assert_eq!((datagrams.received, datagrams.answered), (3, 3));
    assert_eq!((streams.accepted, streams.finished), (1, 1));
    assert_eq!((streams.received_bytes, streams.answered_bytes), (6, 6));
    assert_eq!((stats.received, stats.answered, stats.dropped), (4, 4, 0));
}

#[test]
fn a_wrong_answer_is_an_error_that_says_what_is_wrong() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = echo.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 64];
        let (length, peer) = echo.recv_from(&mut buffer).unwrap();
        echo.send_to(&buffer[..length], peer).unwrap();
    });
    let error = Client::connect(address)
        .unwrap()
        .request("hello")
        .unwrap_err();
    assert!(matches!(error, Error::WrongAnswer { .. }), "{error:?}");
    assert!(error.to_string().contains("echo"), "{error}");
    thread.join().unwrap();
}

#[test]
fn silence_is_an_error_with_the_number_of_tries() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let mut settings = Settings::default();
    settings.timeout = Duration::from_millis(5);
    settings.retries = 3;
    let error = Client::with_settings(address, settings)
        .unwrap()
        .request("hello")
        .unwrap_err();
    assert!(
        matches!(error, Error::NoAnswer { tries: 4, .. }),
        "{error:?}"
    );
}

#[test]
fn an_endpoint_is_given_as_text_as_an_address_or_as_itself() {
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let endpoint: Endpoint = "udp://127.0.0.1:0".parse().unwrap();
    let server = Server::builder()
        .endpoint("udp://127.0.0.1:0")
        .endpoint(String::from("tcp://127.0.0.1:0"))
        .endpoint(address)
        .endpoints([&endpoint, &endpoint])
        .endpoint(endpoint)
        .start()
        .unwrap();
    assert_eq!(server.endpoints().len(), 6);
    let address = server.local_addr().unwrap();
    assert_eq!(server.endpoints()[0], address.into());
    for endpoint in server.endpoints() {
        let mut by_text = Client::connect(endpoint.to_string()).unwrap();
        assert_eq!(by_text.request("a").unwrap(), "A");
        let mut by_itself = Client::connect(&endpoint).unwrap();
        assert_eq!(by_itself.request("b").unwrap(), "B");
    }
    let mut by_address = Client::connect(address).unwrap();
    assert_eq!(by_address.request("c").unwrap(), "C");
    let stats = server.stop();
    assert!(stats.is_balanced(), "{stats:?}");
    assert_eq!(stats.endpoints[0].1.answered(), 3);
}

#[test]
fn a_malformed_endpoint_is_an_error_of_bind_and_of_connect() {
    let builder = Server::builder()
        .endpoint("http://127.0.0.1")
        .endpoint("udp://127.0.0.1:0")
        .endpoint("fd:x");
    let error = builder.bind().unwrap_err();
    assert!(matches!(error, Error::Endpoint(_)), "{error:?}");
    assert!(error.to_string().contains("http"), "{error}");
    let error = Client::connect("udp://127.0.0.1:x").unwrap_err();
    assert!(matches!(error, Error::Endpoint(_)), "{error:?}");
}

#[test]
fn a_server_of_unix_sockets_has_no_internet_address() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = format!("unix:{}", directory.path().join("server").display());
    let server = Server::builder().endpoint(endpoint).start().unwrap();
    assert_eq!(server.local_addr(), None);
}
