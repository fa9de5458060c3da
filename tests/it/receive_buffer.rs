//! `--receive-buffer`: what the kernel makes of it, and what it drops when the buffer is full.

use std::net::UdpSocket;
use std::time::Duration;

use crate::bind::kernel_setting;
use crate::support::{Served, wait_until};

#[test]
fn what_overflows_the_receive_buffer_is_counted_separately() {
    let served = Served::start(&["udp://127.0.0.1:0", "--receive-buffer", "8192"]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", served.port(0))).unwrap();
    // While stopped, the server receives nothing, and the kernel drops what exceeds the buffer.
    served.process.signal("STOP");
    let mut sent = 200;
    for _ in 0..sent {
        client.send(&[b'x'; 500]).unwrap();
    }
    served.process.signal("CONT");
    // The next one received carries the count of those dropped before it.
    client
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    wait_until("an answer to the last", || {
        client.send(b"last").unwrap();
        sent += 1;
        let mut buffer = [0; 1000];
        while let Ok(length) = client.recv(&mut buffer) {
            if &buffer[..length] == b"LAST" {
                return true;
            }
        }
        false
    });
    let totals = served.stop();
    let dropped = totals.summary["kernel_dropped"].as_u64().unwrap();
    assert!(dropped > 100, "{totals:?}");
    totals.assert_datagrams(sent - dropped, sent - dropped, 0);
}

#[test]
fn a_receive_buffer_that_the_kernel_reduces_is_reported() {
    let Some(most) = kernel_setting("net/core/rmem_max") else {
        return;
    };
    for (bytes, lines) in [(most, 0), (most + 1, 1)] {
        let bytes = bytes.to_string();
        let served = Served::start(&["udp://127.0.0.1:0", "--receive-buffer", &bytes]);
        let totals = served.stop();
        assert_eq!(totals.stderr.lines().count(), lines, "{}", totals.stderr);
        if lines == 1 {
            assert!(totals.stderr.contains(&most.to_string()), "{totals:?}");
        }
    }
}
