//! The smallest client: read a line, send it, show the answer.

use std::net::UdpSocket;
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let server = std::env::args().nth(1);
    // A client needs no fixed address, so the kernel may choose one.
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // From now on we receive only the server's datagrams, and a closed port is an error.
    socket.connect(server.as_deref().unwrap_or("127.0.0.1:3000"))?;
    // A datagram may get lost without an error.
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;

    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    socket.send(line.trim_end().as_bytes())?;

    let mut buffer = [0; 65_535];
    let length = socket.recv(&mut buffer)?;
    println!("{}", String::from_utf8_lossy(&buffer[..length]));
    Ok(())
}
