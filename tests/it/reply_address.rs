//! Replies come from the address the request was sent to, even with a wildcard bind.

use std::net::UdpSocket;

use crate::support::Served;

fn answer_comes_from(server_address: &str, client_address: &str) {
    let client = UdpSocket::bind(client_address).unwrap();
    client
        .set_read_timeout(Some(crate::support::TEST_TIMEOUT))
        .unwrap();
    client.send_to(b"from where?", server_address).unwrap();
    let mut buffer = [0; 64];
    let (length, from) = client.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"FROM WHERE?");
    assert_eq!(from.to_string(), server_address);
}

#[test]
fn a_wildcard_server_answers_from_the_ipv4_address_that_the_request_was_sent_to() {
    let served = Served::start(&["udp://0.0.0.0:0"]);
    let port = served.port(0);
    for address in ["127.0.0.1", "127.0.0.2", "127.0.0.3"] {
        answer_comes_from(&format!("{address}:{port}"), "127.0.0.1:0");
        answer_comes_from(&format!("{address}:{port}"), "127.0.0.9:0");
    }
    served.stop().assert_datagrams(6, 6, 0);
}

#[test]
fn the_empty_host_is_both_families_on_one_port() {
    let served = Served::start_command(
        crate::support::bullhorn().args(["serve", "--json", "udp://:0"]),
        2,
    );
    assert_eq!(served.port(0), served.port(1));
    assert!(served.endpoints[0].starts_with("udp://0.0.0.0:"));
    assert!(served.endpoints[1].starts_with("udp://[::]:"));
    let port = served.port(0);
    answer_comes_from(&format!("127.0.0.2:{port}"), "127.0.0.1:0");
    answer_comes_from(&format!("[::1]:{port}"), "[::1]:0");
    served.stop().assert_datagrams(2, 2, 0);
}

#[test]
fn a_server_on_one_address_answers_from_it() {
    let served = Served::start(&["udp://127.0.0.3:0"]);
    answer_comes_from(&format!("127.0.0.3:{}", served.port(0)), "127.0.0.1:0");
    served.stop().assert_datagrams(1, 1, 0);
}
