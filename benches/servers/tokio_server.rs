//! The plain tokio servers, as a first version would be written. This binary becomes one of them
//! when started with a hidden argument. One thread, because they run on one CPU.

use crate::failure::Failure;
use bullhorn_socket::RECEIVE_BUFFER;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// The argument that starts the datagram server.
pub(crate) const UDP: &str = "--plain-tokio-udp";
/// The argument that starts the stream server.
pub(crate) const TCP: &str = "--plain-tokio-tcp";

pub(crate) fn serve_datagrams() -> Result<(), Failure> {
    runtime()?.block_on(async {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        println!("port {}", socket.local_addr()?.port());
        let mut text = vec![0; 65536];
        loop {
            let (length, client) = socket.recv_from(&mut text).await?;
            let answer = String::from_utf8_lossy(&text[..length]).to_uppercase();
            // The generator counts a datagram that cannot be sent as lost.
            let _ = socket.send_to(answer.as_bytes(), client).await;
        }
    })
}

pub(crate) fn serve_streams() -> Result<(), Failure> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("port {}", listener.local_addr()?.port());
        loop {
            let (connection, _) = listener.accept().await?;
            tokio::spawn(serve_connection(connection));
        }
    })
}

/// ASCII only, like the peer in C: a read may end within a two-byte character.
async fn serve_connection(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut text = vec![0; 65536];
    loop {
        let length = connection.read(&mut text).await?;
        if length == 0 {
            return Ok(());
        }
        text[..length].make_ascii_uppercase();
        connection.write_all(&text[..length]).await?;
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
}
