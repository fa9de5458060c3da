//! Enters the sandbox of `bullhorn serve` and tries what it forbids, one line for each attempt:
//!
//! ```console
//! $ cargo run --example sandboxed
//! open a file for reading: refused (errno 13)
//! ```
//!
//! The argument `landlock` or `seccomp` enters only that part, and `none` enters nothing.

use std::fs::{self, File};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Command;

use bullhorn::sandbox::{Needs, enter, files, filter};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> io::Result<()> {
    // Prepared beforehand: unbound sockets, listeners to connect to, a file to remove.
    let tcp = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP));
    let (to_bind, to_connect, udp) = (tcp()?, tcp()?, UnixDatagram::unbound()?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let served = Socket::from(TcpListener::bind("127.0.0.1:0")?);
    let outside = std::env::var("OUTSIDE").unwrap_or_default();
    let outside = std::os::unix::net::SocketAddr::from_abstract_name(outside)?;
    let scratch = std::env::temp_dir().join(format!("sandboxed-{}", std::process::id()));
    fs::write(&scratch, "precious")?;
    let parent = rustix::process::getppid();

    let needs = Needs::default();
    match std::env::args().nth(1).as_deref() {
        Some("none") => {}
        Some("landlock") => drop(files::close(&needs).map_err(io::Error::other)?),
        Some("seccomp") => filter::allow_only_needed(&needs).map_err(io::Error::other)?,
        _ => drop(enter(&needs)),
    }

    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    attempt("open a file for reading", || File::open("/etc/passwd"));
    attempt("list a directory", || fs::read_dir("/"));
    attempt("make a file", || {
        File::create(scratch.with_extension("new"))
    });
    attempt("remove a file", || fs::remove_file(&scratch));
    attempt("make a socket", tcp);
    attempt("bind a TCP socket", || to_bind.bind(&any.into()));
    attempt("connect a TCP socket", || {
        to_connect.connect(&listener.local_addr()?.into())
    });
    attempt("turn a listener into a TCP connection", || {
        served.shutdown(Shutdown::Both)?;
        served.send_to_with_flags(b"hello", &listener.local_addr()?.into(), libc::MSG_FASTOPEN)
    });
    attempt("send to an abstract socket outside", || {
        udp.send_to_addr(b"hello", &outside)
    });
    attempt("signal another process", || match parent {
        Some(parent) => Ok(rustix::process::test_kill_process(parent)?),
        None => Ok(()),
    });
    attempt("start a process", || Command::new("/bin/true").status());
    // Allowed: what a server needs.
    attempt("start a thread", || {
        std::thread::Builder::new().spawn(|| {})
    });
    attempt("ask a socket for its address", || listener.local_addr());
    // Last, as it does not return if it is allowed.
    let error = Command::new("/bin/echo")
        .arg("execute a program: allowed")
        .exec();
    report("execute a program", &Err(error));
    Ok(())
}

fn attempt<T>(what: &str, act: impl FnOnce() -> io::Result<T>) {
    report(what, &act().map(drop));
}

fn report(what: &str, result: &io::Result<()>) {
    match result {
        Ok(()) => println!("{what}: allowed"),
        Err(error) => println!(
            "{what}: refused (errno {})",
            error.raw_os_error().unwrap_or(0)
        ),
    }
}
