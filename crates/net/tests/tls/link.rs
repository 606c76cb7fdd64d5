//! Connections between the two sides of a test.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use maitred_net::{
    Alpn, ClientTls, ConnectTo, Handshaken, ListenAddress, Listener, ServerTls, Stream, bind, connect,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a test may take: nothing in them waits for time to pass.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs a test on one thread, as a worker would.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("the test hangs") })
}

/// A listener on a port of its own, and the port.
pub fn listen() -> (Listener, u16) {
    let bound = bind(&ListenAddress::Tcp(([127, 0, 0, 1], 0).into()), 1, false).unwrap().remove(0);
    let ListenAddress::Tcp(address) = bound.address().clone() else { unreachable!() };
    (bound.listen().unwrap(), address.port())
}

/// Two ends of one TCP connection: who connected, who accepted.
pub async fn sockets() -> (Stream, Stream) {
    let (listener, port) = listen();
    let connecting = connect(ConnectTo::Tcp(([127, 0, 0, 1], port).into()));
    let (connected, accepted) = tokio::join!(connecting, listener.accept());
    (connected.unwrap(), accepted.unwrap().stream)
}

/// The same over a Unix socket.
pub fn unix_sockets() -> (Stream, Stream) {
    let (one, other) = tokio::net::UnixStream::pair().unwrap();
    (one.into(), other.into())
}

pub type Met = (io::Result<(Stream, Option<Alpn>)>, io::Result<Handshaken>);

/// A handshake of both sides over TCP.
pub async fn meet(client: &ClientTls, server: &ServerTls, name: &str) -> Met {
    meet_over(sockets().await, client, server, name).await
}

pub async fn meet_over(
    (connected, accepted): (Stream, Stream),
    client: &ClientTls,
    server: &ServerTls,
    name: &str,
) -> Met {
    tokio::join!(client.connect(connected, name), server.accept(accepted, b""))
}

/// Both ends of a connection whose handshake succeeded: the client's, and what the server knows of it.
pub async fn linked(client: &ClientTls, server: &ServerTls, name: &str) -> (Stream, Handshaken) {
    let (connected, accepted) = meet(client, server, name).await;
    (connected.unwrap().0, accepted.unwrap())
}

/// What is said when a handshake fails.
pub fn said<T>(result: io::Result<T>) -> String {
    result.err().expect("the handshake is expected to fail").to_string()
}

pub async fn send(stream: &mut Stream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
}

/// Reads exactly as many bytes as `expected` has, and compares.
pub async fn expect(stream: &mut Stream, expected: &[u8]) {
    let mut found = vec![0; expected.len()];
    stream.read_exact(&mut found).await.unwrap();
    assert_eq!(found, expected);
}

/// Waits for something to read, or the end.
pub async fn readable(stream: &mut Stream) -> io::Result<()> {
    std::future::poll_fn(|cx| stream.poll_readable(cx)).await
}

/// Ends this side's half.
pub async fn shut(stream: &mut Stream) {
    std::future::poll_fn(|cx| tokio::io::AsyncWrite::poll_shutdown(Pin::new(&mut *stream), cx))
        .await
        .unwrap();
}
