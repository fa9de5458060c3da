//! What proxies send in place of an answer, as nginx and HAProxy really do: `send`, `ping` and
//! `bench` name it.

use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Running, Served, find_program, run_bullhorn, wait_until};
use crate::support_netns::in_own_network;

const NGINX: &str = "
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
stream {
    server { listen 127.0.0.1:4000 udp; proxy_pass 127.0.0.1:3000; }
    server { listen 127.0.0.1:4001 udp; proxy_pass 127.0.0.1:3000; proxy_protocol on; }
    server { listen 127.0.0.1:4001; proxy_pass 127.0.0.1:3000; proxy_protocol on; }
}
";

const HAPROXY: &str = "
defaults
    mode tcp
    timeout connect 20s
    timeout client 20s
    timeout server 20s
listen version1
    bind 127.0.0.1:4002
    server one 127.0.0.1:3000 send-proxy
listen version2
    bind 127.0.0.1:4003
    server two 127.0.0.1:3000 send-proxy-v2
";

/// nginx with [`NGINX`], once it listens. `None`, with a line that says why, where it is missing.
fn nginx(directory: &Path) -> Option<Running> {
    let nginx = find_program("nginx")?;
    if !Path::new("/usr/lib/nginx/modules/ngx_stream_module.so").exists() {
        crate::support::skipped("nginx has no stream module (libnginx-mod-stream)");
        return None;
    }
    let configuration = directory.join("nginx.conf");
    std::fs::write(&configuration, NGINX).unwrap();
    let mut command = Command::new(nginx);
    command
        .arg("-p")
        .arg(directory)
        .arg("-c")
        .arg(configuration);
    let running = Running::start(command.stderr(Stdio::null()));
    wait_until("nginx listens", || {
        TcpStream::connect("127.0.0.1:4001").is_ok()
    });
    Some(running)
}

fn haproxy(directory: &Path) -> Option<Running> {
    let haproxy = find_program("haproxy")?;
    let configuration = directory.join("haproxy.cfg");
    std::fs::write(&configuration, HAPROXY).unwrap();
    let mut command = Command::new(haproxy);
    command.args(["-db", "-q", "-f"]).arg(configuration);
    let running = Running::start(command.stderr(Stdio::null()).stdout(Stdio::null()));
    wait_until("HAProxy listens", || {
        TcpStream::connect("127.0.0.1:4003").is_ok()
    });
    Some(running)
}

/// Each of the three verbs says `words` about `endpoint`, and exits with 3.
fn assert_named(endpoint: &str, words: &str, name: &str) {
    let one = ["-c", "1", "-W", "20s"];
    let ended = run_bullhorn([&["ping", endpoint][..], &one].concat());
    assert_eq!(ended.code, 3, "{}", ended.text());
    assert!(ended.text().contains(words), "{}", ended.text());
    let ended = run_bullhorn([&["ping", "--json", endpoint][..], &one].concat());
    crate::schemas::assert_lines("ping", &ended.text());
    let problem = format!(r#""problem":"{name}""#);
    assert!(ended.text().contains(&problem), "{}", ended.text());

    let ended = run_bullhorn(["send", "--timeout", "20s", endpoint, "hello"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains(words), "{}", ended.stderr);

    let load = [
        "--warmup",
        "off",
        "--count",
        "1",
        "--flows",
        "1",
        "--timeout",
        "1s",
    ];
    let ended = run_bullhorn([&["bench", endpoint][..], &load].concat());
    assert_eq!(ended.code, 3, "{ended:?}");
    let line = format!("first wrong answer: {words}");
    assert!(ended.text().contains(&line), "{}", ended.text());
}

#[test]
fn a_datagram_proxy_whose_backend_is_gone_is_named() {
    in_own_network(|| {
        let directory = tempfile::tempdir().unwrap();
        let Some(_nginx) = nginx(directory.path()) else {
            return;
        };
        let endpoint = "udp://127.0.0.1:4000";
        let served = Served::start(&["udp://127.0.0.1:3000"]);
        let ended = run_bullhorn(["send", "--timeout", "20s", endpoint, "hello"]);
        assert_eq!((ended.code, ended.text().as_str()), (0, "HELLO\n"));
        served.stop();
        let words = "empty answer; a proxy may have lost its backend";
        assert_named(endpoint, words, "empty");
    });
}

#[test]
fn a_proxy_header_that_comes_back_is_named_over_datagrams_and_streams() {
    in_own_network(|| {
        let directory = tempfile::tempdir().unwrap();
        let _served = Served::start(&["udp://127.0.0.1:3000", "tcp://127.0.0.1:3000"]);
        let named = |endpoint: &str, version: u32| {
            let words = format!("a PROXY protocol header (version {version}) came back");
            assert_named(endpoint, &words, "proxy_header");
        };
        if let Some(_nginx) = nginx(directory.path()) {
            named("udp://127.0.0.1:4001", 1);
        }
        if let Some(_haproxy) = haproxy(directory.path()) {
            named("tcp://127.0.0.1:4002", 1);
            named("tcp://127.0.0.1:4003", 2);
        }
    });
}

/// As AWS's network load balancers do it.
#[test]
fn the_binary_header_before_a_datagram_is_named() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let endpoint = format!("udp://{}", server.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, peer)) = server.recv_from(&mut buffer) {
            let header =
                b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\x7f\0\0\x01\x7f\0\0\x01\x30\x39\x0b\xb8";
            let answer = buffer[..length].to_ascii_uppercase();
            let _ = server.send_to(&[header, answer.as_slice()].concat(), peer);
        }
    });
    let words = "a PROXY protocol header (version 2) came back";
    assert_named(&endpoint, words, "proxy_header");
}
