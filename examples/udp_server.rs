//! The smallest server of capitals: receive, upper-case, answer.

use std::net::UdpSocket;

fn main() -> std::io::Result<()> {
    // With port 0 as argument the kernel chooses a free port; the line printed below tells it.
    let address = std::env::args().nth(1);
    let socket = UdpSocket::bind(address.as_deref().unwrap_or("127.0.0.1:3000"))?;
    println!("{socket:?}");

    // No UDP datagram is larger, so none is cut short.
    let mut buffer = [0; 65_535];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        let answer = text.to_uppercase();
        // One answer that cannot be sent must not end the service for everybody else.
        if let Err(error) = socket.send_to(answer.as_bytes(), peer) {
            eprintln!("no answer to {peer}: {error}");
        }
    }
}
