//! Descriptors that a peer passes with a message over a Unix datagram socket (SCM_RIGHTS) are never
//! kept, by any verb or backend.

use std::fs::File;
use std::io::{IoSlice, PipeReader, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::net::{
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg_addr,
};

use crate::support::{Running, Served, TEST_TIMEOUT, bullhorn, wait_until};

/// How many descriptors go with each message.
const PASSED: usize = 20;

/// Sends `text` to `path`, and the descriptor as many times as [`PASSED`] with it.
fn pass(socket: &UnixDatagram, text: &[u8], path: &std::path::Path, passed: BorrowedFd<'_>) {
    pass_to(socket, text, &SocketAddrUnix::new(path).unwrap(), passed);
}

fn pass_to(socket: &UnixDatagram, text: &[u8], to: &SocketAddrUnix, passed: BorrowedFd<'_>) {
    let descriptors = [passed; PASSED];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PASSED))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    assert!(beside.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let text = [IoSlice::new(text)];
    // A client that has ended meanwhile is gone.
    let _ = sendmsg_addr(socket, to, &text, &mut beside, SendFlags::empty());
}

fn descriptors(process: &Running) -> usize {
    let path = format!("/proc/{}/fd", process.child.id());
    std::fs::read_dir(path).map_or(0, Iterator::count)
}

/// Asserts that no other end is open any more.
fn assert_released(mut pipe: PipeReader) {
    let mut byte = [0];
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(pipe.read(&mut byte)));
    let end = receiver.recv_timeout(TEST_TIMEOUT);
    assert_eq!(
        end.expect("the descriptor is still open somewhere")
            .unwrap(),
        0
    );
}

fn assert_keeps_nothing(served: &Served, path: &std::path::Path, client: &UnixDatagram) {
    let before = descriptors(&served.process);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut answer = [0; 64];
    for number in 0..50 {
        let text = format!("number {number}");
        pass(client, text.as_bytes(), path, writer.as_fd());
        let length = client.recv(&mut answer).unwrap();
        assert_eq!(&answer[..length], text.to_uppercase().as_bytes());
    }
    drop(writer);
    assert_released(reader);
    // The client has its answer before the server closes the path that it went to.
    wait_until("the server has closed everything", || {
        descriptors(&served.process) == before
    });
}

#[test]
fn a_server_keeps_no_descriptor_that_was_passed_to_it() {
    for backend in ["batched", "plain"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server");
        let endpoint = format!("unixgram:{}", path.display());
        let served = Served::start(&[&endpoint, "--backend", backend]);
        let client = UnixDatagram::bind(directory.path().join("client")).unwrap();
        client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        assert_keeps_nothing(&served, &path, &client);
        served.stop().assert_datagrams(50, 50, 0);
    }
}

#[test]
fn a_server_on_an_inherited_socket_keeps_none_even_if_another_holder_changes_its_options() {
    for backend in ["batched", "plain"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server");
        let socket = UnixDatagram::bind(&path).unwrap();
        let shared = socket2::SockRef::from(&socket);
        let inherited = std::os::fd::OwnedFd::from(socket.try_clone().unwrap());
        let mut command = bullhorn();
        command.args(["serve", "--json", "fd:0", "--backend", backend]);
        let served = Served::start_command(command.stdin(Stdio::from(inherited)), 1);
        // An abstract name is answered, whichever user sent it.
        let client = UnixDatagram::bind_addr(&own_name(backend)).unwrap();
        client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        assert_keeps_nothing(&served, &path, &client);
        // Without credentials there is room for some descriptors.
        shared.set_passcred(false).unwrap();
        assert_keeps_nothing(&served, &path, &client);
        served.stop().assert_datagrams(100, 100, 0);
    }
}

fn own_name(name: &str) -> SocketAddr {
    use std::os::linux::net::SocketAddrExt;
    let name = crate::support::own(&format!("bullhorn-test-passed-{name}"));
    SocketAddr::from_abstract_name(name).unwrap()
}

#[test]
fn no_client_keeps_a_descriptor_that_its_server_passes() {
    let verbs: [&[&str]; 4] = [
        &["ping", "-i", "1ms", "-c", "300"],
        &["bench", "-d", "1s", "--flows", "1"],
        &["bench", "-d", "1s", "--flows", "2", "--rate", "2000"],
        &["send"],
    ];
    for arguments in verbs {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server");
        let server = UnixDatagram::bind(&path).unwrap();
        server
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut command = bullhorn();
        command
            .arg(arguments[0])
            .arg(format!("unixgram:{}", path.display()))
            .args(&arguments[1..]);
        if arguments == ["send"] {
            command.args((0..300).map(|number| format!("text {number}")));
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Running::start(command.stdin(Stdio::null()));
        let passed = File::open("/dev/null").unwrap();
        let (mut most, mut buffer, begin) = (0, vec![0; 65_536], Instant::now());
        while process.child.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < TEST_TIMEOUT, "{arguments:?} does not end");
            let Ok((length, from)) = rustix_receive(&server, &mut buffer) else {
                continue;
            };
            pass_to(
                &server,
                &buffer[..length].to_ascii_uppercase(),
                &from,
                passed.as_fd(),
            );
            most = most.max(descriptors(&process));
        }
        assert!((1..200).contains(&most), "{arguments:?}: {most}");
    }
}

fn rustix_receive(
    socket: &UnixDatagram,
    buffer: &mut [u8],
) -> std::io::Result<(usize, SocketAddrUnix)> {
    let (length, _, from) = rustix::net::recvfrom(socket, buffer, rustix::net::RecvFlags::empty())?;
    let from = from.and_then(|from| SocketAddrUnix::try_from(from).ok());
    from.map(|from| (length, from))
        .ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}
