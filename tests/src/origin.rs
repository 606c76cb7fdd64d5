//! A service that behaves: hyper, on a runtime of its own. It tells what it received, or does what `X-Ask` says.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::pattern::{checksum, pattern};
use crate::wire::Answer;

/// A running service. It ends when dropped.
#[derive(Debug)]
pub struct Origin {
    _runtime: Runtime,
    url: String,
}

/// What a service received, as its answer tells it.
#[derive(Clone, Debug)]
pub struct Echo(Value);

impl Origin {
    pub fn start() -> Self {
        Self::named("origin")
    }

    /// One that tells its name, where there are several.
    pub fn named(name: &'static str) -> Self {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, name));
            }
        });
        Self { _runtime: runtime, url }
    }

    /// One on a Unix socket.
    pub fn at(path: &Path) -> Self {
        let runtime = runtime();
        let listener = {
            let _entered = runtime.enter();
            UnixListener::bind(path).unwrap()
        };
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, "unix"));
            }
        });
        Self { _runtime: runtime, url: format!("unix:{}", path.display()) }
    }

    /// As an endpoint in a document.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        self.url.strip_prefix("http://").unwrap_or(&self.url)
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().build().unwrap()
}

impl Echo {
    /// Reads it from an answer, which must be a 200.
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        Self(answer.json())
    }

    /// Reads it from the body of an answer.
    pub fn parse(body: &str) -> Self {
        Self(serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")))
    }

    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_else(|| panic!("{key} is no text in {}", self.0))
    }

    pub fn name(&self) -> &str {
        self.text("name")
    }

    pub fn method(&self) -> &str {
        self.text("method")
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        self.text("target")
    }

    pub fn len(&self) -> u64 {
        self.0["length"].as_u64().unwrap()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn checksum(&self) -> &str {
        self.text("checksum")
    }

    fn pairs(&self, key: &str) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0[key].as_array().unwrap().iter();
        pairs.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
    }

    /// The values of a field, in their order. Names are in small letters here.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.pairs("fields")
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The value of a field that may occur once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} occurs {} times: {all:?}", all.len());
        all.first().copied()
    }

    pub fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    pub fn trailer(&self, name: &str) -> Option<&str> {
        self.pairs("trailers").find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

async fn serve(stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, name: &'static str) {
    let service = service_fn(move |request| async move { Ok::<_, Infallible>(answer(request, name).await) });
    // How a connection ends is not what is tested here.
    let _ = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service).await;
}

/// What to do stands in `X-Ask`; without it, tells what was received.
async fn answer(request: Request<Incoming>, name: &'static str) -> Response<Frames> {
    let ask = request.headers().get("x-ask").map(|ask| ask.to_str().unwrap().to_owned()).unwrap_or_default();
    let mut words = ask.split(' ');
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("", _) => echo(request, name).await,
        ("status", status) => {
            let code: u16 = status.parse().unwrap();
            Response::builder().status(code).header("X-Status", status).body(Frames::none()).unwrap()
        }
        // A body with its length told.
        ("bytes", len) => Response::new(Frames::whole(pattern(len.parse().unwrap()))),
        // The same in chunks.
        ("chunks", len) => Response::new(Frames::chunks(&pattern(len.parse().unwrap()), None)),
        ("trailers", value) => {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-checksum", HeaderValue::from_str(value).unwrap());
            let mut response = Response::new(Frames::chunks(b"with trailers", Some(trailers)));
            response.headers_mut().insert("trailer", HeaderValue::from_static("x-checksum"));
            response
        }
        ("location", to) => {
            Response::builder().status(302).header("Location", to).body(Frames::none()).unwrap()
        }
        // Field by field: `fields X-A=1&X-B=2`.
        ("fields", fields) => {
            let mut response = Response::new(Frames::whole(b"fields".to_vec()));
            for (field, value) in fields.split('&').filter_map(|field| field.split_once('=')) {
                let field = HeaderName::from_bytes(field.as_bytes()).unwrap();
                response.headers_mut().append(field, HeaderValue::from_str(value).unwrap());
            }
            response
        }
        // The request's body, as it comes.
        ("mirror", _) => Response::new(Frames::Mirror(request.into_body())),
        (other, _) => panic!("X-Ask: {other}"),
    }
}

async fn echo(request: Request<Incoming>, name: &'static str) -> Response<Frames> {
    let (head, mut body) = request.into_parts();
    let (mut bytes, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame.map(Frame::into_data) {
            Ok(Ok(piece)) => bytes.extend_from_slice(&piece),
            Ok(Err(frame)) => trailers = frame.into_trailers().unwrap_or_default(),
            Err(error) => {
                return Response::builder().status(400).body(Frames::whole(error.to_string())).unwrap();
            }
        }
    }
    let told = json!({
        "name": name,
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "fields": pairs(&head.headers),
        "trailers": pairs(&trailers),
        "length": bytes.len(),
        "checksum": checksum(&bytes),
    });
    let mut response = Response::new(Frames::whole(told.to_string()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

fn pairs(fields: &HeaderMap) -> Vec<[String; 2]> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    fields.iter().map(|(name, value)| [name.to_string(), text(value)]).collect()
}

/// Bodies of every kind.
enum Frames {
    Whole(Option<Bytes>),
    Queue(mpsc::UnboundedReceiver<Frame<Bytes>>),
    Mirror(Incoming),
}

impl Frames {
    fn none() -> Self {
        Self::Whole(None)
    }

    fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }

    fn chunks(bytes: &[u8], trailers: Option<HeaderMap>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        for piece in bytes.chunks(7777) {
            sender.send(Frame::data(Bytes::copy_from_slice(piece))).unwrap();
        }
        if let Some(trailers) = trailers {
            sender.send(Frame::trailers(trailers)).unwrap();
        }
        Self::Queue(receiver)
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Queue(queue) => queue.poll_recv(cx).map(|frame| frame.map(Ok)),
            Self::Mirror(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Queue(_) => false,
            Self::Mirror(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(bytes) => {
                hyper::body::SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            _ => hyper::body::SizeHint::default(),
        }
    }
}
