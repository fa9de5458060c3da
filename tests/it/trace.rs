//! `ping --trace`: the hops of real paths with three routers, and how each path ends.

use std::io::Read;
use std::path::Path as File;
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};

use crate::schemas::assert_lines;
use crate::support::{Ended, Running, bullhorn, find_program, run, skipped};
use crate::support_path::Path;
use crate::support_routers::{ROUTERS, Routers, address};

/// The hop that is the server.
const TARGET: usize = ROUTERS + 1;

/// Over both protocols and both families: the endpoint, and the index of its family.
fn endpoints(port: u16) -> Vec<(String, usize)> {
    let [ipv4, ipv6] = address(TARGET);
    let of = |scheme: &str| {
        [
            (format!("{scheme}://{ipv4}:{port}"), 0),
            (format!("{scheme}://[{ipv6}]:{port}"), 1),
        ]
    };
    [of("udp"), of("tcp")].concat()
}

/// The one line of a trace, which keeps to its schema.
fn summary(ended: &Ended) -> Value {
    assert_eq!(assert_lines("trace", &ended.text()), ["summary"]);
    ended.summary()
}

/// The addresses by hop; `null` for one that did not reply.
fn hops(trace: &Value) -> Vec<Value> {
    let hops = trace["hops"].as_array().expect("no hops").iter();
    hops.enumerate()
        .map(|(index, hop)| {
            assert_eq!(hop["hop"], index + 1, "{trace}");
            assert!(hop["addresses"].as_array().unwrap().len() < 2, "{trace}");
            hop["addresses"][0]["address"].clone()
        })
        .collect()
}

/// The first `count` hosts behind the client.
fn hosts(count: usize, family: usize) -> Vec<Value> {
    (1..=count)
        .map(|index| json!(address(index)[family]))
        .collect()
}

#[test]
fn every_router_is_listed_up_to_the_right_answer() {
    let Some(routers) = Routers::new() else {
        return;
    };
    let _served = routers.serve();
    for (endpoint, family) in endpoints(3000) {
        let ended = routers.trace(&[&endpoint]);
        assert_eq!(ended.code, 0, "{}", ended.text());
        let trace = summary(&ended);
        assert_eq!(hops(&trace), hosts(TARGET, family), "{trace}");
        assert_eq!(trace["outcome"], "answered", "{trace}");
        assert_eq!(trace["outcome_hop"], TARGET, "{trace}");
        assert_eq!([&trace["rounds"], &trace["answered"]], [1, 1]);
        for hop in trace["hops"].as_array().unwrap() {
            assert_eq!([&hop["sent"], &hop["replied"], &hop["lost"]], [1, 1, 0]);
            assert!(hop["rtt"]["min_ns"].as_u64() > Some(0), "{hop}");
            assert!(hop["path_error"].is_null(), "{hop}");
        }
    }
}

#[test]
fn without_a_service_the_path_works_and_the_target_refuses() {
    let Some(routers) = Routers::new() else {
        return;
    };
    for (endpoint, family) in endpoints(3000) {
        let ended = routers.trace(&[&endpoint]);
        assert_eq!(ended.code, 4, "{}", ended.text());
        let trace = summary(&ended);
        assert_eq!(hops(&trace), hosts(TARGET, family), "{trace}");
        assert_eq!(trace["outcome"], "refused", "{trace}");
        assert_eq!(trace["outcome_hop"], TARGET, "{trace}");
        assert_eq!(trace["path_error"]["reporter"], "target", "{trace}");
        let diagnosis = trace["diagnosis"].as_str().unwrap();
        assert!(diagnosis.contains("the path works"), "{trace}");
    }
}

#[test]
fn a_target_that_drops_everything_is_silent_behind_the_last_router() {
    let Some(routers) = Routers::new() else {
        return;
    };
    Path::firewall(
        routers.server(),
        "input",
        &["meta l4proto { tcp, udp } drop"],
    );
    for (endpoint, family) in endpoints(3000) {
        let ended = routers.trace(&["-W", "200ms", "--ttl", "7", &endpoint]);
        assert_eq!(ended.code, 5, "{}", ended.text());
        let trace = summary(&ended);
        assert_eq!(hops(&trace), hosts(ROUTERS, family), "{trace}");
        assert_eq!(trace["outcome"], "silence", "{trace}");
        assert!(trace["outcome_hop"].is_null(), "{trace}");
    }
}

#[test]
fn a_router_without_icmp_is_a_silent_hop_and_the_path_goes_on() {
    let Some(routers) = Routers::new() else {
        return;
    };
    let _served = routers.serve();
    let silence = [
        "icmp type time-exceeded drop",
        "icmpv6 type time-exceeded drop",
    ];
    Path::firewall(&routers.hosts[2], "output", &silence);
    for (endpoint, family) in endpoints(3000) {
        let ended = routers.trace(&["-W", "300ms", "-c", "2", "-i", "10ms", &endpoint]);
        assert_eq!(ended.code, 0, "{}", ended.text());
        let trace = summary(&ended);
        let mut expected = hosts(TARGET, family);
        expected[1] = Value::Null;
        assert_eq!(hops(&trace), expected, "{trace}");
        let silent = &trace["hops"][1];
        assert_eq!([&silent["sent"], &silent["lost"]], [2, 2], "{trace}");
        assert!(silent["rtt"].is_null(), "{trace}");
        assert_eq!(trace["answered"], 2, "{trace}");
    }
}

#[test]
fn a_firewall_in_the_middle_is_named_with_what_it_sends() {
    let Some(routers) = Routers::new() else {
        return;
    };
    let _served = routers.serve();
    let reject = ["meta l4proto { tcp, udp } reject with icmpx type admin-prohibited"];
    Path::firewall(&routers.hosts[2], "forward", &reject);
    for (endpoint, family) in endpoints(3000) {
        let ended = routers.trace(&[&endpoint]);
        assert_eq!(ended.code, 4, "{}", ended.text());
        let trace = summary(&ended);
        // A router first looks at the TTL, and only with the next one at its rules.
        let mut expected = hosts(2, family);
        expected.push(expected[1].clone());
        assert_eq!(hops(&trace), expected, "{trace}");
        assert_eq!(trace["outcome"], "rejected", "{trace}");
        assert_eq!(trace["outcome_hop"], 3, "{trace}");
        let error = &trace["path_error"];
        assert_eq!(error["sender"], expected[1], "{trace}");
        let code = [json!([3, 13]), json!([1, 1])][family].clone();
        assert_eq!(json!([error["type"], error["code"]]), code, "{trace}");
        assert_eq!(trace["hops"][2]["path_error"], *error, "{trace}");
    }
}

#[test]
fn a_router_without_a_route_is_named() {
    let Some(routers) = Routers::new() else {
        return;
    };
    for family in ["", "-6 "] {
        Path::ip(&routers.hosts[2], &format!("{family}route del default"));
        Path::ip(
            &routers.hosts[2],
            &format!("{family}route add unreachable default"),
        );
    }
    for (endpoint, family) in endpoints(3000) {
        let ended = routers.trace(&[&endpoint]);
        assert_eq!(ended.code, 4, "{}", ended.text());
        let trace = summary(&ended);
        assert_eq!(trace["outcome"], "unreachable", "{trace}");
        assert_eq!(trace["path_error"]["sender"], address(2)[family], "{trace}");
        assert_eq!(hops(&trace)[..1], hosts(1, family), "{trace}");
    }
}

#[test]
fn loss_is_counted_for_each_hop_over_rounds_and_the_port_stays() {
    let Some(routers) = Routers::new() else {
        return;
    };
    let _served = routers.serve();
    // Every second report of the second router, and every third answer, is lost.
    let lossy = ["icmp type time-exceeded numgen inc mod 2 0 drop"];
    Path::firewall(&routers.hosts[2], "output", &lossy);
    let lossy = ["udp sport 3000 numgen inc mod 3 0 drop"];
    Path::firewall(routers.server(), "output", &lossy);
    let (endpoint, _) = &endpoints(3000)[0];
    let ended = routers.trace(&["-c", "6", "-i", "50ms", "-W", "200ms", endpoint]);
    let trace = summary(&ended);
    let lost: Vec<_> = trace["hops"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hop| &hop["lost"])
        .collect();
    assert_eq!(lost[..3], [0, 3, 0], "{trace}");
    assert_eq!(hops(&trace).len(), TARGET, "{trace}");
    assert_eq!(trace["rounds"], 6, "{trace}");
    assert_eq!(trace["outcome"], "answered", "{trace}");
    if trace["answered"] == 6 {
        assert_eq!(ended.code, 0);
    } else {
        assert_eq!(ended.code, 1, "{}", ended.text());
    }
}

/// A Python program on the server, once it has printed a line.
fn python(routers: &Routers, script: &str) -> Running {
    let mut command = Path::command(routers.server(), "python3");
    command.args(["-c", script]).stdout(Stdio::piped());
    let mut running = Running::start(&mut command);
    let stdout = running.child.stdout.as_mut().unwrap();
    stdout.read_exact(&mut [0; 2]).unwrap();
    running
}

#[test]
fn a_connection_without_an_answer_is_not_taken_for_a_service() {
    const SCRIPT: &str = "
import socket
listener = socket.create_server(('10.78.4.2', 3000))
print(1, flush=True)
connection = listener.accept()
listener.accept()
";
    let Some(routers) = Routers::new() else {
        return;
    };
    let _silent = python(&routers, SCRIPT);
    let ended = routers.trace(&["-W", "300ms", "tcp://10.78.4.2:3000"]);
    assert_eq!(ended.code, 5, "{}", ended.text());
    let trace = summary(&ended);
    assert_eq!(trace["outcome"], "no_answer", "{trace}");
    assert_eq!(hops(&trace), hosts(TARGET, 0), "{trace}");
}

#[test]
fn an_echo_is_a_wrong_answer() {
    const SCRIPT: &str = "
import socket
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
echo.bind(('10.78.4.2', 3000))
print(1, flush=True)
while True:
    echo.sendto(*echo.recvfrom(999))
";
    let Some(routers) = Routers::new() else {
        return;
    };
    let _echo = python(&routers, SCRIPT);
    let ended = routers.trace(&["udp://10.78.4.2:3000"]);
    assert_eq!(ended.code, 3, "{}", ended.text());
    let trace = summary(&ended);
    assert_eq!(trace["outcome"], "wrong_answer", "{trace}");
    assert_eq!(hops(&trace), hosts(TARGET, 0), "{trace}");
}

#[test]
fn an_empty_answer_is_a_wrong_answer_of_the_hop_that_sends_it() {
    const SCRIPT: &str = "
import socket
proxy = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
proxy.bind(('::', 3000))
print(1, flush=True)
while True:
    proxy.sendto(b'', proxy.recvfrom(999)[1])
";
    let Some(routers) = Routers::new() else {
        return;
    };
    let _proxy = python(&routers, SCRIPT);
    // With a silent hop before it, the answer has two probes to choose from.
    let silence = [
        "icmp type time-exceeded drop",
        "icmpv6 type time-exceeded drop",
    ];
    let words = "wrong answer: empty answer; a proxy may have lost its backend";
    for silent in [None, Some(2)] {
        if let Some(index) = silent {
            Path::firewall(&routers.hosts[index], "output", &silence);
        }
        for (endpoint, family) in &endpoints(3000)[..2] {
            let ended = routers.trace(&["-W", "300ms", endpoint]);
            assert_eq!(ended.code, 3, "{}", ended.text());
            let trace = summary(&ended);
            assert_eq!(trace["outcome"], "wrong_answer", "{trace}");
            assert_eq!(trace["outcome_hop"], TARGET, "{trace}");
            assert_eq!(trace["diagnosis"], words, "{trace}");
            let mut expected = hosts(TARGET, *family);
            if let Some(index) = silent {
                expected[index - 1] = Value::Null;
            }
            assert_eq!(hops(&trace), expected, "{trace}");
        }
    }
    let mut command = routers.bullhorn();
    let ended = run(
        command.args(["ping", "--trace", &endpoints(3000)[0].0]),
        b"",
    );
    assert_eq!(ended.code, 3, "{ended:?}");
    let line = format!("hop {TARGET}: {words}\n");
    assert!(ended.text().ends_with(&line), "{}", ended.text());
}

/// The text of a trace in which this machine's own kernel is the only one to report anything.
fn assert_ours(routers: &Routers, endpoint: &str, outcome: &str, code: i32) -> String {
    let ended = routers.trace(&[endpoint]);
    assert_eq!(ended.code, code, "{}", ended.text());
    let trace = summary(&ended);
    assert_eq!(trace["outcome"], outcome, "{trace}");
    assert!(trace["outcome_hop"].is_null(), "{trace}");
    assert_eq!(trace["hops"], json!([]), "{trace}");
    assert_eq!(trace["path_error"]["reporter"], "ourselves", "{trace}");
    let mut command = routers.bullhorn();
    let ended = run(command.args(["ping", "--trace", endpoint]), b"");
    assert_eq!(ended.code, code, "{ended:?}");
    let text = ended.text();
    assert_eq!(text.lines().count(), 2, "{text}");
    text.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_missing_neighbour_is_reported_by_this_machine_and_is_no_hop() {
    let Some(routers) = Routers::new() else {
        return;
    };
    for scheme in ["udp", "tcp"] {
        for host in ["10.78.1.99", "[fd78:1::99]"] {
            let endpoint = format!("{scheme}://{host}:3000");
            let line = assert_ours(&routers, &endpoint, "unreachable", 4);
            let words = "this machine: unreachable: no neighbour answers (ICMP";
            assert!(line.starts_with(words), "{line}");
        }
    }
}

#[test]
fn what_our_own_firewall_rejects_has_no_hop() {
    let Some(routers) = Routers::new() else {
        return;
    };
    let reject = ["meta l4proto { tcp, udp } reject with icmpx type admin-prohibited"];
    Path::firewall(routers.client(), "output", &reject);
    for (endpoint, _) in endpoints(3000) {
        let line = assert_ours(&routers, &endpoint, "unsent", 7);
        let words = "this machine: blocked by our own firewall or kernel";
        assert!(line.starts_with(words), "{line}");
    }
}

#[test]
fn no_privileges_are_needed() {
    if find_program("setpriv").is_none() {
        return;
    }
    let Some(routers) = Routers::new() else {
        return;
    };
    let _served = routers.serve();
    for (endpoint, family) in endpoints(3000) {
        let mut command = Path::command(routers.client(), "setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.args(["--bounding-set=-all", "--no-new-privs"]);
        command.arg(bullhorn().get_program());
        let ended = run(command.args(["ping", "--trace", "--json", &endpoint]), b"");
        assert_eq!(ended.code, 0, "{}", ended.text());
        assert_eq!(hops(&summary(&ended)), hosts(TARGET, family));
    }
}

#[test]
fn names_come_from_the_resolver_and_the_text_lists_them() {
    let Some(routers) = Routers::new() else {
        return;
    };
    let _served = routers.serve();
    // ip-netns(8) puts these files over those of /etc.
    let directory = File::new("/etc/netns").join(routers.client());
    if std::fs::create_dir_all(&directory).is_err() {
        return skipped("/etc/netns cannot be written");
    }
    let hosts = format!("{} second.example\n", address(2)[0]);
    std::fs::write(directory.join("hosts"), hosts).unwrap();
    std::fs::write(directory.join("nsswitch.conf"), "hosts: files\n").unwrap();
    let mut command = routers.bullhorn();
    let ended = run(
        command.args(["ping", "--trace", "--names", &endpoints(3000)[0].0]),
        b"",
    );
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(ended.code, 0, "{}", ended.text());
    let text = ended.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), TARGET + 2, "{text}");
    assert!(
        lines[0].starts_with("trace udp://10.78.4.2:3000 from 10.78.1.1:"),
        "{text}"
    );
    assert!(lines[1].starts_with(" 1  10.78.1.2  "), "{text}");
    assert!(
        lines[2].starts_with(" 2  10.78.2.2 (second.example)  "),
        "{text}"
    );
    assert!(lines[2].ends_with(" ms"), "{text}");
    assert_eq!(
        lines[5], "hop 4: answered: the path and the service work",
        "{text}"
    );
}

#[test]
fn a_trace_ends_at_its_deadline_and_on_a_signal() {
    let Some(routers) = Routers::new() else {
        return;
    };
    let silence = ["meta l4proto { tcp, udp } drop"];
    Path::firewall(routers.server(), "input", &silence);
    for (endpoint, family) in endpoints(3000) {
        let begin = Instant::now();
        let ended = routers.trace(&["-W", "60s", "-w", "500ms", &endpoint]);
        assert!(begin.elapsed().as_secs() < 20, "{ended:?}");
        let trace = summary(&ended);
        assert_eq!(hops(&trace), hosts(ROUTERS, family), "{trace}");

        let begin = Instant::now();
        let mut command = routers.bullhorn();
        // The first socket call in the log says that it has begun.
        command.args(["ping", "--trace", "-vv", "--json", "-W", "60s", &endpoint]);
        let mut running = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let stderr = running.child.stderr.as_mut().unwrap();
        stderr.read_exact(&mut [0; 1]).unwrap();
        running.signal("INT");
        let ended = running.output();
        assert!(begin.elapsed().as_secs() < 20, "{ended:?}");
        assert_eq!(ended.code, 5, "{ended:?}");
        assert_eq!(summary(&ended)["outcome"], "silence", "{ended:?}");
    }
}

#[test]
fn what_has_no_path_or_does_not_go_together_is_a_usage_error() {
    for arguments in [
        &["--trace", "unix:/run/bullhorn-test.sock"][..],
        &["--trace", "unixgram:@bullhorn-test"],
        &["--trace", "--flows", "2"],
        &["--trace", "--expect", "answer"],
        &["--trace", "--reconnect"],
        &["--names"],
        &["--trace", "-c", "0"],
    ] {
        let ended = run(bullhorn().arg("ping").args(arguments), b"");
        assert_eq!(ended.code, 2, "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}
