//! Bullhorn inside a test: your own client talks to a server that really answers.
//!
//! `cargo test --example fixture` runs the test, `cargo run --example fixture` shows the same at work.

use std::io::{Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// The code under test: any program that asks a server over a socket.
fn ask(server: SocketAddr, text: &str) -> Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(text.as_bytes())?;
    // Tells the server that the text is complete; its answers still come in.
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let server = bullhorn::Server::builder()
        .endpoint("tcp://127.0.0.1:0")
        .start()?;
    let address = server.local_addr().ok_or("TCP has an address")?;
    println!("{}", ask(address, "hello, fixture")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ask;

    #[test]
    fn the_whole_text_comes_back_in_capitals() {
        // Port 0: every test gets a server of its own, and none waits for another's port.
        let server = bullhorn::Server::builder()
            .endpoint("tcp://127.0.0.1:0")
            .start()
            .unwrap();

        let answer = ask(server.local_addr().unwrap(), "weiß\nnaïve\n").unwrap();

        assert_eq!(answer, "WEISS\nNAÏVE\n");
        // What the server saw is there to be checked too; dropping it would stop it as well.
        assert!(server.stop().is_balanced());
    }
}
