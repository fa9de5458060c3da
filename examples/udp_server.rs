//! The smallest server of capitals: receive, upper-case, answer.

use std::net::UdpSocket;

fn main() -> std::io::Result<()> {
    // If the argument has port 0, the kernel chooses a free port; the line below prints it.
    let address = std::env::args().nth(1);
    let socket = UdpSocket::bind(address.as_deref().unwrap_or("127.0.0.1:3000"))?;
    println!("{socket:?}");

    // No UDP datagram is larger, so none is cut short.
    let mut buffer = [0; 65_535];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        let answer = text.to_uppercase();
        // A failure to answer one client must not end the service for the others.
        if let Err(error) = socket.send_to(answer.as_bytes(), peer) {
            eprintln!("no answer to {peer}: {error}");
        }
    }
}
