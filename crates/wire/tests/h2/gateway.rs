//! The gateway's ends, driven as the engine drives them: a task for each connection, and one for each stream.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::SendRequest;
use maitred_http::{BodyLength, Fields, Known, KnownSet, PathRules, RequestHead, ResponseHead, Scheme};
use maitred_wire::h1::RequestFraming;
use maitred_wire::h2::{ClientConnection, ServerConnection, ServerStream};
use maitred_wire::{BodySink, BodySource, Broken, Limits, Piece, Refusal};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::task::LocalSet;

/// Runs a test on one thread, as a worker does.
pub fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test)
}

/// Lets every other task that can go on do so.
pub async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// What can be seen of, and done to, a server's connection while it runs.
#[derive(Clone, Default)]
pub struct Control {
    drain: Rc<Cell<bool>>,
    abort: Rc<Cell<bool>>,
    renew: Rc<Cell<bool>>,
    waker: Rc<RefCell<Option<std::task::Waker>>>,
    pub streams: Rc<Cell<usize>>,
    pub progress: Rc<Cell<u64>>,
    /// How the connection ended, once it has.
    pub ended: Rc<RefCell<Option<Result<(), Broken>>>>,
}

impl Control {
    pub fn drain(&self) {
        self.drain.set(true);
        self.wake();
    }

    pub fn abort(&self) {
        self.abort.set(true);
        self.wake();
    }

    pub fn renew(&self) {
        self.renew.set(true);
        self.wake();
    }

    fn wake(&self) {
        self.waker.take().into_iter().for_each(std::task::Waker::wake);
    }

    pub fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// How it ended: the text of the error, or nothing where it ended as it should.
    pub fn verdict(&self) -> Option<String> {
        match &*self.ended.borrow() {
            Some(Ok(())) => None,
            Some(Err(broken)) => Some(broken.to_string()),
            None => Some("not ended".to_owned()),
        }
    }
}

/// Serves one connection with `serve` for each of its streams. The future ends with the connection.
pub async fn serve_connection<S, F, W>(stream: S, limits: Limits, control: Control, serve: F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(ServerStream) -> W,
    W: Future<Output = ()> + 'static,
{
    let mut connection = ServerConnection::new(stream, Vec::new(), &limits);
    let ended = loop {
        let accepted = poll_fn(|cx| {
            control.waker.replace(Some(cx.waker().clone()));
            if control.drain.take() {
                connection.drain();
            }
            if control.abort.take() {
                connection.abort();
            }
            if control.renew.take() {
                connection.renew();
            }
            let polled = connection.poll_accept(cx);
            control.streams.set(connection.streams());
            control.progress.set(connection.progress());
            polled
        })
        .await;
        match accepted {
            Ok(Some(stream)) => {
                tokio::task::spawn_local(serve(*stream));
            }
            Ok(None) => break Ok(()),
            Err(broken) => break Err(broken),
        }
    };
    control.ended.replace(Some(ended));
    // Those that serve its streams are told, and let go of them.
    for _ in 0..100 {
        control.streams.set(connection.streams());
        tokio::task::yield_now().await;
    }
}

/// A connection between a raw peer and the gateway: the peer's end, and the gateway's controls.
pub fn serve_raw<F, W>(limits: Limits, serve: F) -> (DuplexStream, Control)
where
    F: Fn(ServerStream) -> W + 'static,
    W: Future<Output = ()> + 'static,
{
    let (peer, gateway) = tokio::io::duplex(64 << 10);
    let control = Control::default();
    tokio::task::spawn_local(serve_connection(gateway, limits, control.clone(), serve));
    (peer, control)
}

/// The library's client, connected to the gateway.
pub async fn connect<F, W>(limits: Limits, serve: F) -> (SendRequest<Bytes>, Control)
where
    F: Fn(ServerStream) -> W + 'static,
    W: Future<Output = ()> + 'static,
{
    connect_with(&h2::client::Builder::new(), limits, serve).await
}

/// The same with settings of the client's own.
pub async fn connect_with<F, W>(
    builder: &h2::client::Builder,
    limits: Limits,
    serve: F,
) -> (SendRequest<Bytes>, Control)
where
    F: Fn(ServerStream) -> W + 'static,
    W: Future<Output = ()> + 'static,
{
    let (peer, control) = serve_raw(limits, serve);
    let (send, connection) = builder.handshake(peer).await.unwrap();
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    (send, control)
}

/// The gateway as client, connected to the library's server: `serve` gets each request. The server's connection ends with the
/// last handle.
pub async fn connect_to_service<F, W>(
    builder: h2::server::Builder,
    limits: &Limits,
    serve: F,
) -> (ClientConnection, Rc<RefCell<Option<Result<(), Broken>>>>)
where
    F: Fn(http::Request<h2::RecvStream>, h2::server::SendResponse<Bytes>) -> W + 'static,
    W: Future<Output = ()> + 'static,
{
    let (gateway, peer) = tokio::io::duplex(64 << 10);
    tokio::task::spawn_local(async move {
        let Ok(mut connection) = builder.handshake(peer).await else { return };
        while let Some(Ok((request, respond))) = connection.accept().await {
            tokio::task::spawn_local(serve(request, respond));
        }
    });
    let (connection, driver) = ClientConnection::handshake(gateway, Scheme::Http, limits).await.unwrap();
    let ended = Rc::new(RefCell::default());
    let end = Rc::clone(&ended);
    tokio::task::spawn_local(async move {
        let how = driver.await;
        end.replace(Some(how));
    });
    (connection, ended)
}

/// The request's head, read under the default rules.
pub fn head_of(stream: &mut ServerStream) -> Result<(RequestHead, RequestFraming), Refusal> {
    let mut head = RequestHead::default();
    let framing = stream.read_head(&Limits::default(), PathRules::Strict, &mut head)?;
    Ok((head, framing))
}

/// A whole body and its trailers, as lines.
pub async fn read_body(source: &mut impl BodySource) -> Result<(Vec<u8>, String), Broken> {
    let mut body = Vec::new();
    while poll_fn(|cx| source.poll_piece(cx)).await? == Piece::Bytes {
        let n = source.bytes().len();
        body.extend_from_slice(source.bytes());
        source.consume(n);
    }
    Ok((body, source.trailers().map(lines).unwrap_or_default()))
}

/// Sends a whole body.
pub async fn send_body(
    sink: &mut impl BodySink,
    mut body: &[u8],
    trailers: Option<&Fields>,
) -> Result<(), Broken> {
    while !body.is_empty() {
        let taken = poll_fn(|cx| sink.poll_send(cx, body)).await?;
        body = &body[taken..];
    }
    poll_fn(|cx| sink.poll_finish(cx, trailers)).await
}

/// Answers 200 with these bytes.
pub async fn answer(stream: &mut ServerStream, body: &[u8]) -> Result<(), Broken> {
    stream.respond(&ResponseHead::default(), BodyLength::Known(body.len() as u64));
    send_body(stream, body, None).await
}

/// Answers every request with 200 and its own body.
pub async fn echo(mut stream: ServerStream) {
    let Ok((_, announced)) = head_of(&mut stream) else { return };
    stream.respond(&ResponseHead::default(), announced.length);
    let Ok((body, _)) = read_body(&mut stream).await else { return };
    let _ = send_body(&mut stream, &body, None).await;
}

/// Answers every request with what its head was read as, or why it was refused.
pub async fn describe(mut stream: ServerStream) {
    match head_of(&mut stream) {
        Ok((head, announced)) => {
            let text = format!(
                "{} {} for {}, {:?}\n{}",
                head.method,
                head.target.as_str(),
                head.authority.as_str(),
                announced.length,
                lines(&head.fields)
            );
            let _ = answer(&mut stream, text.as_bytes()).await;
        }
        Err(refusal) => {
            let head = ResponseHead { status: refusal.status(), ..ResponseHead::default() };
            let why = refusal.as_str().as_bytes();
            stream.respond(&head, BodyLength::Known(why.len() as u64));
            let _ = send_body(&mut stream, why, None).await;
        }
    }
}

/// Fields as lines.
pub fn lines(fields: &Fields) -> String {
    let mut out = Vec::new();
    fields.write_to(&mut out, KnownSet::EMPTY);
    String::from_utf8(out).unwrap()
}

/// A head for a service.
pub fn request_head(method: &str, target: &str, fields: &[(&str, &str)]) -> RequestHead {
    let method = maitred_http::Method::parse(method.as_bytes()).unwrap();
    let mut head = RequestHead { method, ..RequestHead::default() };
    head.target.parse(target.as_bytes(), PathRules::Strict).unwrap();
    head.fields.append_known(Known::Host, b"service.example");
    for (name, value) in fields {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    head
}

/// Sends a request with the library's client, and reads the whole answer: status, fields, body, trailers.
pub async fn ask(
    send: &mut SendRequest<Bytes>,
    request: http::Request<()>,
    body: Option<&[u8]>,
) -> Result<Answer, h2::Error> {
    poll_fn(|cx| send.poll_ready(cx)).await?;
    let (response, mut sender) = send.send_request(request, body.is_none())?;
    if let Some(body) = body {
        sender.send_data(Bytes::copy_from_slice(body), true)?;
    }
    Answer::read(response.await?).await
}

/// A whole answer that the library's client has read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: http::HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<http::HeaderMap>,
}

impl Answer {
    pub async fn read(response: http::Response<h2::RecvStream>) -> Result<Self, h2::Error> {
        let (parts, mut stream) = response.into_parts();
        let mut body = Vec::new();
        while let Some(bytes) = stream.data().await {
            let bytes = bytes?;
            body.extend_from_slice(&bytes);
            stream.flow_control().release_capacity(bytes.len())?;
        }
        let trailers = stream.trailers().await?;
        Ok(Self { status: parts.status.as_u16(), fields: parts.headers, body, trailers })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A GET by the library's client.
pub fn get(uri: &str) -> http::Request<()> {
    http::Request::get(uri).body(()).unwrap()
}

/// Polls once, and tells whether that was enough.
pub async fn is_ready<T>(mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<T>) -> bool {
    poll_fn(|cx| Poll::Ready(poll(cx).is_ready())).await
}
