//! One exchange on either side in either version: a small gateway of [`ServerSide`] and [`ClientSide`] between hyper's clients and
//! hyper's services, in all four combinations.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use maitred_http::{BodyLength, PathRules, RequestHead, ResponseHead, Scheme, Version};
use maitred_wire::h1::{HeadRead, RequestFraming, Server};
use maitred_wire::h2::{ClientConnection, ServerConnection};
use maitred_wire::{BodySink, BodySource, Broken, ClientSide, Limits, NoUpgrade, Piece, ServerSide};
use tokio::io::DuplexStream;

use crate::gateway::{request_head, run, settle};

/// Hyper's tasks run on this thread, too.
#[derive(Clone)]
pub struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move {
            task.await;
        });
    }
}

type Client = ServerSide<DuplexStream>;
type Service = ClientSide<DuplexStream>;

/// Moves what can be moved from a body to where it goes, as the engine's pump does.
fn pump(
    cx: &mut Context<'_>,
    source: &mut impl BodySource,
    sink: &mut impl BodySink,
) -> Poll<Result<(), Broken>> {
    loop {
        match source.poll_piece(cx)? {
            Poll::Ready(Piece::Bytes) => match sink.poll_send(cx, source.bytes())? {
                Poll::Ready(taken) => source.consume(taken),
                Poll::Pending => return Poll::Pending,
            },
            Poll::Ready(Piece::End) => return sink.poll_finish(cx, source.trailers()),
            Poll::Pending => {
                let _ = sink.poll_flush(cx)?;
                return Poll::Pending;
            }
        }
    }
}

/// One exchange, whatever the versions.
async fn exchange(
    client: &mut Client,
    service: &mut Service,
    head: &RequestHead,
    announced: RequestFraming,
) -> Result<bool, Broken> {
    service.request(head, announced.length, None).unwrap();
    assert!(!service.has_heard() && !client.has_responded());
    let mut is_sent = false;
    let mut answer = ResponseHead::default();
    let length = poll_fn(|cx| {
        if !is_sent {
            is_sent = pump(cx, &mut client.body(), &mut service.body())?.is_ready();
        }
        service.poll_response(cx, &Limits::default(), &mut answer)
    })
    .await?;
    let keep_alive = client.respond(&answer, length, is_sent);
    poll_fn(|cx| {
        if !is_sent {
            is_sent = pump(cx, &mut client.body(), &mut service.body())?.is_ready();
        }
        pump(cx, &mut service.body(), &mut client.body())
    })
    .await?;
    poll_fn(|cx| client.poll_flush(cx)).await?;
    assert!(service.has_heard() && client.has_responded() && !client.ends_with_connection());
    assert!(service.end_exchange());
    Ok(client.end_exchange() && keep_alive)
}

/// A service by hyper: sends back what it got, and says what it was asked.
async fn echo(
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    let text = format!("{} {} {:?}", request.method(), request.uri().path(), request.version());
    let body = request.into_body().collect().await?.to_bytes();
    Ok(http::Response::builder().header("x-asked", text).body(Full::new(body)).unwrap())
}

/// A connection to such a service.
async fn connect(version: Version) -> Service {
    let (gateway, peer) = tokio::io::duplex(16 << 10);
    let peer = TokioIo::new(peer);
    if version == Version::Http11 {
        tokio::task::spawn_local(
            hyper::server::conn::http1::Builder::new().serve_connection(peer, service_fn(echo)),
        );
        return ClientSide::http1(gateway);
    }
    tokio::task::spawn_local(
        hyper::server::conn::http2::Builder::new(LocalExecutor).serve_connection(peer, service_fn(echo)),
    );
    let (connection, driver) =
        ClientConnection::handshake(gateway, Scheme::Http, &Limits::default()).await.unwrap();
    tokio::task::spawn_local(driver);
    ClientSide::Http2(Box::new(connection.open().unwrap()))
}

/// Serves one connection of HTTP/1.1 with one exchange.
async fn serve_http1(stream: DuplexStream, service: Version) {
    let mut client = ServerSide::http1(stream);
    let mut head = RequestHead::default();
    let read = {
        let (server, stream) = client.as_http1().unwrap();
        let limits = Limits::default();
        poll_fn(|cx| server.poll_head(cx, stream, &limits, PathRules::Strict, &mut head)).await.unwrap()
    };
    let HeadRead::Request(announced) = read else { panic!("{read:?}") };
    let mut service = connect(service).await;
    assert!(exchange(&mut client, &mut service, &head, announced).await.unwrap());
}

/// Serves a connection of HTTP/2 until it ends.
async fn serve_http2(stream: DuplexStream, service: Version) {
    let mut connection = ServerConnection::new(stream, Vec::new(), &Limits::default());
    while let Ok(Some(stream)) = poll_fn(|cx| connection.poll_accept(cx)).await {
        tokio::task::spawn_local(async move {
            let mut client: Client = ServerSide::Http2(stream);
            let mut head = RequestHead::default();
            let announced = client.read_head(&Limits::default(), PathRules::Strict, &mut head).unwrap();
            assert!(client.as_http1().is_none() && !client.has_unread());
            let mut service = connect(service).await;
            assert!(exchange(&mut client, &mut service, &head, announced).await.unwrap());
        });
    }
}

type Body = Full<Bytes>;

/// Sends a request by hyper.
async fn ask(version: Version, service: Version, body: Bytes) -> http::Response<Bytes> {
    let (peer, gateway) = tokio::io::duplex(16 << 10);
    let request = http::Request::post("http://a.example/path").header("host", "a.example");
    let request = request.body(Body::new(body)).unwrap();
    let peer = TokioIo::new(peer);
    let response = if version == Version::Http11 {
        tokio::task::spawn_local(serve_http1(gateway, service));
        let (mut send, connection) = hyper::client::conn::http1::handshake(peer).await.unwrap();
        tokio::task::spawn_local(connection);
        let mut request = request;
        *request.uri_mut() = "/path".parse().unwrap();
        send.send_request(request).await.unwrap()
    } else {
        tokio::task::spawn_local(serve_http2(gateway, service));
        let (mut send, connection) =
            hyper::client::conn::http2::handshake(LocalExecutor, peer).await.unwrap();
        tokio::task::spawn_local(connection);
        send.send_request(request).await.unwrap()
    };
    let (parts, body) = response.into_parts();
    http::Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

#[test]
fn every_version_meets_every_other() {
    run(async {
        for client in [Version::Http11, Version::H2] {
            for service in [Version::Http11, Version::H2] {
                for len in [0, 1, 100_000] {
                    let body: Bytes = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
                    let response = ask(client, service, body.clone()).await;
                    let asked = response.headers()["x-asked"].to_str().unwrap();
                    let version = if service == Version::H2 { "HTTP/2.0" } else { "HTTP/1.1" };
                    assert_eq!(asked, format!("POST /path {version}"), "{client:?}");
                    assert!(*response.body() == body, "{client:?} {service:?} {len}");
                    settle().await;
                }
            }
        }
    });
}

#[test]
fn a_stream_cannot_be_asked_to_change_its_protocol() {
    run(async {
        let mut service = connect(Version::H2).await;
        let head = request_head("GET", "/", &[]);
        assert_eq!(service.request(&head, BodyLength::None, Some(b"websocket")), Err(NoUpgrade));
        assert!(service.as_http1().is_none() && service.take_unread().is_empty());
        // Nothing was sent; without the wish it goes.
        service.request(&head, BodyLength::None, None).unwrap();
        let mut answer = ResponseHead::default();
        poll_fn(|cx| service.poll_response(cx, &Limits::default(), &mut answer)).await.unwrap();
        assert_eq!(answer.status, 200);
        let mut service = connect(Version::Http11).await;
        assert_eq!(service.request(&head, BodyLength::None, Some(b"websocket")), Ok(()));
    });
}

#[test]
fn a_connection_of_http1_is_no_larger_for_it() {
    let http1 = size_of::<Server>() + size_of::<DuplexStream>();
    assert!(size_of::<Client>() <= http1 + 2 * size_of::<usize>());
}
