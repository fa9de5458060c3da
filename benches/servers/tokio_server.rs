//! The plain tokio servers, as one writes them at first. This very binary becomes one when it is
//! started with one of two hidden arguments. One thread, because they run on one processor.

use crate::Failure;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// The argument that asks for the datagram server.
pub(crate) const UDP: &str = "--plain-tokio-udp";
/// The argument that asks for the stream server.
pub(crate) const TCP: &str = "--plain-tokio-tcp";

/// The same receive buffer as the peers in C.
pub(crate) const RECEIVE_BUFFER: usize = 4 << 20;

pub(crate) fn serve_datagrams() -> Result<(), Failure> {
    runtime()?.block_on(async {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        println!("port {}", socket.local_addr()?.port());
        let mut text = vec![0; 65536];
        loop {
            let (length, client) = socket.recv_from(&mut text).await?;
            let answer = String::from_utf8_lossy(&text[..length]).to_uppercase();
            // A datagram that cannot be sent is a lost one: the generator counts it.
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

/// ASCII alone, as the peer in C: a letter of two bytes may be cut by a read.
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
