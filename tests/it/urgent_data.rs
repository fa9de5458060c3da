//! Urgent data on TCP (RFC 6093) and its counterpart on Unix streams: a byte like all others.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

use socket2::{SockRef, Socket};

use crate::support::{Served, TEST_TIMEOUT, skipped};

/// What is answered to "ab", an urgent "c" and "de".
fn answer_around_an_urgent_byte(mut stream: impl Read + Write + Into<Socket>) -> Option<String> {
    stream.write_all(b"ab").unwrap();
    let socket: Socket = stream.into();
    socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    if let Err(error) = SockRef::from(&socket).send_out_of_band(b"c") {
        skipped(&format!(
            "this kernel does not support urgent data there: {error}"
        ));
        return None;
    }
    (&socket).write_all(b"de").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    (&socket).read_to_string(&mut answer).unwrap();
    Some(answer)
}

#[test]
fn an_urgent_byte_is_answered_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let served = Served::start(&["tcp://127.0.0.1:0", &format!("unix:{}", path.display())]);
    let tcp = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
    tcp.set_nodelay(true).unwrap();
    assert_eq!(answer_around_an_urgent_byte(tcp).as_deref(), Some("ABCDE"));
    let unix = UnixStream::connect(&path).unwrap();
    let answer = answer_around_an_urgent_byte(unix);
    let totals = served.stop();
    let bytes = |index: usize| {
        let endpoint = &totals.summary["endpoints"][index];
        (
            endpoint["received_bytes"].as_u64(),
            endpoint["answered_bytes"].as_u64(),
        )
    };
    assert_eq!(bytes(0), (Some(5), Some(5)));
    if let Some(answer) = answer {
        assert_eq!(answer, "ABCDE");
        assert_eq!(bytes(1), (Some(5), Some(5)));
    }
}
