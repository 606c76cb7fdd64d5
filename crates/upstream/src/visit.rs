//! Exchanges with a service outside of any request: whole requests, whole answers, on a connection of their own. For what is
//! fetched and checked in the background; requests of clients go through `local`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use maitred_http::{BodyLength, Fields, Known, RequestHead, ResponseHead};
use maitred_net::Stream;
use maitred_wire::h2::{ClientConnection, ClientDriver};
use maitred_wire::{BodySink as _, BodySource as _, Broken, ClientSide, Limits, Piece};

use crate::cluster::{Cluster, HostHeader};
use crate::endpoint::Endpoint;
use crate::local::{AcquireError, Opened, open};

/// A visit to an upstream: a few exchanges in a row, on one connection where the service speaks HTTP/2.
#[derive(Debug)]
pub struct Visit<'a> {
    cluster: &'a Cluster,
    /// Where the next visit begins.
    first: &'a Cell<usize>,
    /// The endpoint that is asked.
    at: Cell<usize>,
    connection: RefCell<Option<Shared>>,
}

/// A connection of HTTP/2, and what moves it.
#[derive(Debug)]
struct Shared {
    authority: Box<str>,
    connection: ClientConnection,
    driver: Box<ClientDriver<Stream>>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Visited {
    /// Its head.
    pub head: ResponseHead,
    /// Its body.
    pub body: Vec<u8>,
    /// What came behind it.
    pub trailers: Option<Fields>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum VisitError {
    /// No address of the upstream is known.
    NoEndpoint,
    /// No connection could be made in time.
    ConnectTimeout,
    /// None of its endpoints could be connected to; the last one failed so.
    Connect(AcquireError),
    /// The connection broke, or what came is no answer.
    Broken(Broken),
    /// The answer has more bytes than it may have.
    TooLarge,
}

impl fmt::Display for VisitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoint => f.write_str("no address of it is known"),
            Self::ConnectTimeout => f.write_str("it cannot be connected to in time"),
            Self::Connect(error) => write!(f, "it cannot be connected to: {error}"),
            Self::Broken(broken) => write!(f, "the connection broke: {broken}"),
            Self::TooLarge => f.write_str("its answer is too large"),
        }
    }
}

impl std::error::Error for VisitError {}

impl From<Broken> for VisitError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl<'a> Visit<'a> {
    /// A visit to this upstream. Nothing is opened yet. `first` says which endpoint to begin with, and is kept from visit to
    /// visit: it moves on past those that gave no whole answer, even where the visit was given up meanwhile. So addresses that
    /// nobody answers from do not use up the time of every visit.
    pub fn new(cluster: &'a Cluster, first: &'a Cell<usize>) -> Self {
        Self { cluster, first, at: Cell::default(), connection: RefCell::default() }
    }

    /// Sends a request and reads the answer to it, whose body may have `most` bytes. Only connecting has a limit of time here.
    pub async fn ask(
        &self,
        mut request: RequestHead,
        body: &[u8],
        most: usize,
    ) -> Result<Visited, VisitError> {
        let kept = self.connection.take().filter(|kept| kept.connection.is_open());
        let (mut side, shared) = match kept {
            Some(shared) => {
                self.first.set(self.at.get() + 1);
                (shared.stream()?, Some(shared))
            }
            None => self.open(&mut request).await?,
        };
        if let Some(shared) = &shared {
            set_host(&mut request, self.cluster, &shared.authority);
        }
        let limits = &self.cluster.transport().limits;
        let asked = exchange(&mut side, (&request, body), limits, Wanted::Whole { most });
        let visited = match shared {
            None => asked.await?,
            Some(mut shared) => {
                let visited = driven(&mut shared.driver, asked).await;
                drop(side);
                self.connection.replace(Some(shared));
                visited?
            }
        };
        self.first.set(self.at.get());
        Ok(visited)
    }

    /// Connects to an endpoint that can be connected to.
    async fn open(
        &self,
        request: &mut RequestHead,
    ) -> Result<(ClientSide<Stream>, Option<Shared>), VisitError> {
        let mut last = VisitError::NoEndpoint;
        let endpoints = self.cluster.endpoints();
        for _ in 0..endpoints.list.len() {
            let at = self.first.get() % endpoints.list.len();
            let endpoint = &endpoints.list[at].endpoint;
            self.at.set(at);
            self.first.set(at + 1);
            match connect(self.cluster, endpoint).await {
                Ok(opened) => {
                    set_host(request, self.cluster, &endpoint.authority);
                    return Ok(opened);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Asks this endpoint once, on a connection of its own, and reads so many bytes of the body at most: what comes behind them is not
/// waited for. A `Host` that the request has is sent.
pub(crate) async fn ask_once(
    cluster: &Cluster,
    endpoint: &Endpoint,
    mut request: RequestHead,
    body: &[u8],
    most: usize,
) -> Result<Visited, VisitError> {
    let (mut side, shared) = connect(cluster, endpoint).await?;
    if !request.fields.has(Known::Host) {
        set_host(&mut request, cluster, &endpoint.authority);
    }
    let limits = &cluster.transport().limits;
    let asked = exchange(&mut side, (&request, body), limits, Wanted::Start { most });
    match shared {
        None => asked.await,
        Some(mut shared) => driven(&mut shared.driver, asked).await,
    }
}

/// Connects to this endpoint.
async fn connect(
    cluster: &Cluster,
    endpoint: &Endpoint,
) -> Result<(ClientSide<Stream>, Option<Shared>), VisitError> {
    match tokio::time::timeout(cluster.settings().timeouts.connect, open(cluster, endpoint, None)).await {
        Ok(Ok(Opened::Http1(stream))) => Ok((ClientSide::http1(stream), None)),
        Ok(Ok(Opened::Http2(connection, driver))) => {
            let shared = Shared { authority: (*endpoint.authority).into(), connection, driver };
            Ok((shared.stream()?, Some(shared)))
        }
        Ok(Err(error)) => Err(VisitError::Connect(error.into())),
        Err(_) => Err(VisitError::ConnectTimeout),
    }
}

impl Shared {
    fn stream(&self) -> Result<ClientSide<Stream>, VisitError> {
        let stream = self.connection.open().ok_or(Broken::Truncated)?;
        Ok(ClientSide::Http2(Box::new(stream)))
    }
}

/// There is no client whose `Host` could be passed on.
fn set_host(request: &mut RequestHead, cluster: &Cluster, authority: &str) {
    let host = match &cluster.settings().host {
        HostHeader::Client | HostHeader::Endpoint => authority,
        HostHeader::Fixed(host) => host,
    };
    request.fields.set_known(Known::Host, host.as_bytes());
}

/// Moves a connection on while an exchange on it goes on.
async fn driven(
    driver: &mut ClientDriver<Stream>,
    asked: impl Future<Output = Result<Visited, VisitError>>,
) -> Result<Visited, VisitError> {
    let mut asked = pin!(asked);
    let mut ended = None;
    std::future::poll_fn(|cx| {
        if ended.is_none()
            && let Poll::Ready(end) = Pin::new(&mut *driver).poll(cx)
        {
            ended = Some(end.err().unwrap_or(Broken::Truncated));
        }
        // What came before the end can still be read.
        match asked.as_mut().poll(cx) {
            Poll::Pending => ended.take().map_or(Poll::Pending, |broken| Poll::Ready(Err(broken.into()))),
            ready @ Poll::Ready(_) => ready,
        }
    })
    .await
}

/// What is wanted of a body.
#[derive(Clone, Copy)]
enum Wanted {
    /// All of it, which may be so long.
    Whole { most: usize },
    /// Its first bytes, so many at most.
    Start { most: usize },
}

async fn exchange(
    side: &mut ClientSide<Stream>,
    (request, body): (&RequestHead, &[u8]),
    limits: &Limits,
    wanted: Wanted,
) -> Result<Visited, VisitError> {
    let length = if body.is_empty() { BodyLength::None } else { BodyLength::Known(body.len() as u64) };
    if side.request(request, length, None).is_err() {
        // Only a request for another protocol is refused.
        return Err(Broken::Truncated.into());
    }
    let mut upload = Upload { left: body, is_over: false };
    let mut head = ResponseHead::default();
    loop {
        head.clear();
        std::future::poll_fn(|cx| {
            upload.poll(cx, side);
            side.poll_response(cx, limits, &mut head)
        })
        .await?;
        if !head.is_informational() {
            break;
        }
    }
    let mut whole = Vec::new();
    std::future::poll_fn(|cx| {
        upload.poll(cx, side);
        poll_body(cx, side, &mut whole, wanted)
    })
    .await?;
    let trailers = side.body().trailers().cloned();
    Ok(Visited { head, body: whole, trailers })
}

/// The rest of the request. A service may answer before it has read it all: that it does not take it is no failure.
struct Upload<'b> {
    left: &'b [u8],
    is_over: bool,
}

impl Upload<'_> {
    fn poll(&mut self, cx: &mut Context<'_>, side: &mut ClientSide<Stream>) {
        if !self.is_over {
            self.is_over = self.poll_rest(cx, side).is_ready();
        }
    }

    fn poll_rest(&mut self, cx: &mut Context<'_>, side: &mut ClientSide<Stream>) -> Poll<Result<(), Broken>> {
        let mut sink = side.body();
        while !self.left.is_empty() {
            let taken = ready!(sink.poll_send(cx, self.left))?;
            self.left = &self.left[taken..];
        }
        sink.poll_finish(cx, None)
    }
}

fn poll_body(
    cx: &mut Context<'_>,
    side: &mut ClientSide<Stream>,
    whole: &mut Vec<u8>,
    wanted: Wanted,
) -> Poll<Result<(), VisitError>> {
    let mut source = side.body();
    loop {
        if matches!(wanted, Wanted::Start { most } if whole.len() >= most) {
            return Poll::Ready(Ok(()));
        }
        match ready!(source.poll_piece(cx))? {
            Piece::Bytes => {
                let bytes = source.bytes();
                let len = match wanted {
                    Wanted::Whole { most } if whole.len() + bytes.len() > most => {
                        return Poll::Ready(Err(VisitError::TooLarge));
                    }
                    Wanted::Whole { .. } => bytes.len(),
                    Wanted::Start { most } => bytes.len().min(most - whole.len()),
                };
                whole.extend_from_slice(&bytes[..len]);
                source.consume(len);
            }
            Piece::End => return Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests;
