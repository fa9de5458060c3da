//! Bullhorn inside a test: your own client talks to a server that really answers.
//!
//! `cargo test --example fixture` runs the test; `cargo run --example fixture` does the same without
//! a test.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use anyhow::Context;

/// The code under test: any program that sends a request over a socket.
fn ask(server: SocketAddr, text: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(text.as_bytes())?;
    // Half-closes: the server learns that the text is complete, and we still receive its answers.
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn main() -> anyhow::Result<()> {
    let server = bullhorn::Server::builder()
        .endpoint("tcp://127.0.0.1:0")
        .start()?;
    let address = server.local_addr().context("TCP has an address")?;
    println!("{}", ask(address, "hello, fixture")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ask;

    #[test]
    fn the_whole_text_comes_back_in_capitals() {
        // Port 0 gives each test a separate server, so that tests never compete for a port.
        let server = bullhorn::Server::builder()
            .endpoint("tcp://127.0.0.1:0")
            .start()
            .unwrap();

        let answer = ask(server.local_addr().unwrap(), "weiß\nnaïve\n").unwrap();

        assert_eq!(answer, "WEISS\nNAÏVE\n");
        // The server's totals can be checked too. Dropping the server would also stop it.
        assert!(server.stop().is_balanced());
    }
}
