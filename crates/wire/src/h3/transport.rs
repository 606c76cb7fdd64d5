//! QUIC as `h3` wants it. `h3` takes bytes from a stream before it has used those that it holds, and waits for the whole of a
//! frame that is no DATA; so every byte that it was given counts until it is dropped, and beyond a limit it gets no more.
//! Of frames it gets only those that it reads as they are meant: see [`framing`](super::framing).
//!
//! What is dropped unfinished is not finished, as `quinn` would have it, but reset: nobody may take a part of an answer for
//! the whole.

use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use ::h3::error::Code;
use ::h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use bytes::{Buf, Bytes};
use quinn::{ConnectionError, ReadError, StoppedError, VarInt, WriteError};
use tokio::io::ReadBuf;

use super::errors;
use super::framing::Framing;
use crate::error::Refusal;

/// Bytes that are taken from a stream at once.
const READ: usize = 16 << 10;
/// What bytes that came together cost besides themselves, roughly: a client may send them one by one.
const OVERHEAD: usize = 256;

/// A future of this thread.
pub(super) type Later<T> = Pin<Box<dyn Future<Output = T>>>;

/// A stream ends with what its sender said, or not at all.
const AS_FINISHED: u64 = u64::MAX;

/// What the halves of a stream, and the bytes that came from it, have in common. Atomics only because [`Bytes`] wants it.
#[derive(Debug)]
pub(super) struct Fate {
    /// Bytes of it that somebody holds.
    held: AtomicUsize,
    /// Somebody wanted more than may be held.
    is_full: AtomicBool,
    /// The code to reset it with when it is dropped unfinished.
    on_drop: AtomicU64,
    is_cancelled: AtomicBool,
}

impl Fate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            held: AtomicUsize::new(0),
            is_full: AtomicBool::new(false),
            on_drop: AtomicU64::new(AS_FINISHED),
            is_cancelled: AtomicBool::new(false),
        })
    }

    /// Polls `h3`: whether it waits for more than it may hold, so that it would wait for ever.
    pub(super) fn wants_too_much<T>(&self, poll: impl FnOnce() -> Poll<T>) -> Result<Poll<T>, Refusal> {
        self.is_full.store(false, Ordering::Relaxed);
        match poll() {
            Poll::Pending if self.is_full.load(Ordering::Relaxed) => Err(errors::TOO_LARGE),
            polled => Ok(polled),
        }
    }

    /// The client has given the stream up.
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the client has given the stream up.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// What the stream is reset with when it is dropped unfinished.
    pub(super) fn reset_with(&self, code: Code) {
        self.on_drop.store(code.value(), Ordering::Relaxed);
    }
}

/// What is to be known of a request's stream beside what `h3` tells.
pub(super) struct Arrived {
    pub(super) fate: Arc<Fate>,
    /// Whether it came before the handshake was done, so that somebody may be repeating it (RFC 8470).
    pub(super) is_early: bool,
    /// Resolves when the client wants no answer any more, with its code, or when it has all of it.
    pub(super) stopped: Later<Result<Option<VarInt>, StoppedError>>,
}

/// What the connection and its transport tell each other, past `h3`.
#[derive(Default)]
pub(super) struct Aside {
    /// The stream of the request that was accepted last.
    pub(super) arrived: RefCell<Option<Arrived>>,
    /// Its number.
    accepted: Cell<Option<u64>>,
    /// The client was told that requests from this stream on are not served.
    refused: Cell<Option<u64>>,
}

impl Aside {
    /// Says what GOAWAY says to a client that may have `more` requests on the way.
    pub(super) fn refuse_after(&self, more: u64) {
        // As `h3` counts: it leaves no margin where no request came yet.
        self.refused.set(Some(self.accepted.get().map_or(0, |accepted| accepted + 4 * more)));
    }
}

/// A connection of QUIC.
pub(super) struct Transport {
    opener: Opener,
    requests: Option<Later<Result<(quinn::SendStream, quinn::RecvStream), ConnectionError>>>,
    controls: Option<Later<Result<quinn::RecvStream, ConnectionError>>>,
    aside: Rc<Aside>,
    most_held: usize,
}

/// What opens the streams of the gateway's own: those for settings and for QPACK.
pub(super) struct Opener {
    connection: quinn::Connection,
    opening: Option<Later<Result<quinn::SendStream, ConnectionError>>>,
}

impl Transport {
    /// `h3` may hold at most `most_held` bytes of each stream.
    pub(super) fn new(connection: quinn::Connection, aside: Rc<Aside>, most_held: usize) -> Self {
        let opener = Opener { connection, opening: None };
        Self { opener, requests: None, controls: None, aside, most_held }
    }
}

impl<B: Buf> quic::Connection<B> for Transport {
    type RecvStream = RecvStream;
    type OpenStreams = Opener;

    fn poll_accept_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<RecvStream, ConnectionErrorIncoming>> {
        let connection = &self.opener.connection;
        let controls = self.controls.get_or_insert_with(|| {
            let connection = connection.clone();
            Box::pin(async move { connection.accept_uni().await })
        });
        let accepted = ready!(controls.as_mut().poll(cx));
        self.controls = None;
        let stream = accepted.map_err(of_connection)?;
        Poll::Ready(Ok(RecvStream { stream, fate: Fate::new(), framing: None, most_held: self.most_held }))
    }

    fn poll_accept_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::BidiStream, ConnectionErrorIncoming>> {
        let (send, recv, id) = loop {
            let connection = &self.opener.connection;
            let requests = self.requests.get_or_insert_with(|| {
                let connection = connection.clone();
                Box::pin(async move { connection.accept_bi().await })
            });
            let accepted = ready!(requests.as_mut().poll(cx));
            self.requests = None;
            let (mut send, mut recv) = accepted.map_err(of_connection)?;
            let id = u64::from(VarInt::from(send.id()));
            if self.aside.refused.get().is_none_or(|refused| id < refused) {
                break (send, recv, id);
            }
            // What was promised not to be served may be served elsewhere (RFC 9114 section 5.2). An error means that it has
            // ended by itself.
            let code = var_int(Code::H3_REQUEST_REJECTED.value());
            let _ = (send.reset(code), recv.stop(code));
        };
        let fate = Fate::new();
        let (is_early, stopped) = (recv.is_0rtt(), Box::pin(send.stopped()));
        self.aside.accepted.set(Some(id));
        *self.aside.arrived.borrow_mut() = Some(Arrived { fate: Arc::clone(&fate), is_early, stopped });
        let framing = Some(Framing::default());
        Poll::Ready(Ok(BidiStream {
            send: SendStream { stream: send, writing: None, fate: Arc::clone(&fate) },
            recv: RecvStream { stream: recv, fate, framing, most_held: self.most_held },
        }))
    }

    fn opener(&self) -> Opener {
        Opener { connection: self.opener.connection.clone(), opening: None }
    }
}

impl<B: Buf> quic::OpenStreams<B> for Transport {
    type BidiStream = BidiStream<B>;
    type SendStream = SendStream<B>;

    fn poll_open_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<BidiStream<B>, StreamErrorIncoming>> {
        self.opener.poll_open_bidi(cx)
    }

    fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<SendStream<B>, StreamErrorIncoming>> {
        self.opener.poll_open_send(cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        quic::OpenStreams::<B>::close(&mut self.opener, code, reason);
    }
}

impl<B: Buf> quic::OpenStreams<B> for Opener {
    type BidiStream = BidiStream<B>;
    type SendStream = SendStream<B>;

    /// Servers open none (RFC 9114 section 6.1).
    fn poll_open_bidi(&mut self, _: &mut Context<'_>) -> Poll<Result<BidiStream<B>, StreamErrorIncoming>> {
        Poll::Ready(Err(StreamErrorIncoming::Unknown("a server opens no streams for requests".into())))
    }

    fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<SendStream<B>, StreamErrorIncoming>> {
        let connection = &self.connection;
        let opening = self.opening.get_or_insert_with(|| {
            let connection = connection.clone();
            Box::pin(async move { connection.open_uni().await })
        });
        let opened = ready!(opening.as_mut().poll(cx));
        self.opening = None;
        let stream = opened.map_err(lost)?;
        Poll::Ready(Ok(SendStream { stream, writing: None, fate: Fate::new() }))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.connection.close(var_int(code.value()), reason);
    }
}

/// The stream of a request, both ways.
pub(super) struct BidiStream<B: Buf> {
    send: SendStream<B>,
    recv: RecvStream,
}

impl<B: Buf> quic::BidiStream<B> for BidiStream<B> {
    type SendStream = SendStream<B>;
    type RecvStream = RecvStream;

    fn split(self) -> (SendStream<B>, RecvStream) {
        (self.send, self.recv)
    }
}

impl<B: Buf> quic::SendStream<B> for BidiStream<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, bytes: T) -> Result<(), StreamErrorIncoming> {
        self.send.send_data(bytes)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_finish(cx)
    }

    fn reset(&mut self, code: u64) {
        self.send.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.send.send_id()
    }
}

impl<B: Buf> quic::RecvStream for BidiStream<B> {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.recv.poll_data(cx)
    }

    fn stop_sending(&mut self, code: u64) {
        self.recv.stop_sending(code);
    }

    fn recv_id(&self) -> StreamId {
        self.recv.recv_id()
    }
}

/// The half of a stream that the gateway sends.
pub(super) struct SendStream<B: Buf> {
    stream: quinn::SendStream,
    writing: Option<WriteBuf<B>>,
    fate: Arc<Fate>,
}

impl<B: Buf> quic::SendStream<B> for SendStream<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        while let Some(writing) = &mut self.writing {
            if !writing.has_remaining() {
                self.writing = None;
                break;
            }
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, writing.chunk()));
            if matches!(written, Err(WriteError::Stopped(_))) {
                self.fate.cancel();
            }
            writing.advance(written.map_err(of_write)?);
        }
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, bytes: T) -> Result<(), StreamErrorIncoming> {
        if self.writing.is_some() {
            return Err(StreamErrorIncoming::Unknown("the stream still sends what came before".into()));
        }
        self.writing = Some(bytes.into());
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        let finished = self.stream.finish().map_err(|error| StreamErrorIncoming::Unknown(error.into()));
        if finished.is_ok() {
            self.fate.on_drop.store(AS_FINISHED, Ordering::Relaxed);
        }
        Poll::Ready(finished)
    }

    fn reset(&mut self, code: u64) {
        // Where it fails the stream has ended.
        let _ = self.stream.reset(var_int(code));
    }

    fn send_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

impl<B: Buf> Drop for SendStream<B> {
    fn drop(&mut self) {
        let code = self.fate.on_drop.load(Ordering::Relaxed);
        if code != AS_FINISHED {
            quic::SendStream::<B>::reset(self, code);
        }
    }
}

/// The half of a stream that the client sends.
pub(super) struct RecvStream {
    stream: quinn::RecvStream,
    fate: Arc<Fate>,
    /// Of the stream of a request.
    framing: Option<Framing>,
    most_held: usize,
}

impl quic::RecvStream for RecvStream {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        let room = self.most_held.saturating_sub(self.fate.held.load(Ordering::Relaxed)).min(READ);
        if room == 0 {
            // Whoever waits for this asks again when it has dropped some, or gives up.
            self.fate.is_full.store(true, Ordering::Relaxed);
            return Poll::Pending;
        }
        loop {
            let mut room_for = [const { MaybeUninit::<u8>::uninit() }; READ];
            let mut read = ReadBuf::uninit(&mut room_for[..room]);
            ready!(self.stream.poll_read_buf(cx, &mut read)).map_err(|error| self.of_read(error))?;
            let bytes = read.filled();
            if bytes.is_empty() {
                return Poll::Ready(match &self.framing {
                    Some(framing) if !framing.is_between() => {
                        Err(StreamErrorIncoming::Unknown("the stream ends within a frame".into()))
                    }
                    _ => Ok(None),
                });
            }
            let bytes = match &mut self.framing {
                None => bytes.into(),
                Some(framing) => framing.pass(bytes),
            };
            if !bytes.is_empty() {
                return Poll::Ready(Ok(Some(Bytes::from_owner(Held::new(bytes, &self.fate)))));
            }
        }
    }

    fn stop_sending(&mut self, code: u64) {
        // Where it fails the stream has ended.
        let _ = self.stream.stop(var_int(code));
    }

    fn recv_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

impl RecvStream {
    fn of_read(&self, error: ReadError) -> StreamErrorIncoming {
        match error {
            ReadError::Reset(code) => {
                self.fate.cancel();
                StreamErrorIncoming::StreamTerminated { error_code: code.into() }
            }
            ReadError::ConnectionLost(error) => lost(error),
            error => StreamErrorIncoming::Unknown(error.into()),
        }
    }
}

impl Drop for RecvStream {
    /// Says that the rest is not wanted, and that nothing is wrong with that (RFC 9114 section 4.1).
    fn drop(&mut self) {
        quic::RecvStream::stop_sending(self, Code::H3_NO_ERROR.value());
    }
}

/// Bytes of a stream, which count as long as they are there.
struct Held {
    bytes: Box<[u8]>,
    fate: Arc<Fate>,
}

impl Held {
    fn new(bytes: Box<[u8]>, fate: &Arc<Fate>) -> Self {
        fate.held.fetch_add(bytes.len() + OVERHEAD, Ordering::Relaxed);
        Self { bytes, fate: Arc::clone(fate) }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.fate.held.fetch_sub(self.bytes.len() + OVERHEAD, Ordering::Relaxed);
    }
}

fn stream_id(id: quinn::StreamId) -> StreamId {
    StreamId::try_from(u64::from(VarInt::from(id))).expect("both count in 62 bits")
}

fn var_int(code: u64) -> VarInt {
    VarInt::from_u64(code).unwrap_or(VarInt::MAX)
}

fn of_connection(error: ConnectionError) -> ConnectionErrorIncoming {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: close.error_code.into() }
        }
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        error => ConnectionErrorIncoming::Undefined(Arc::new(error)),
    }
}

fn lost(error: ConnectionError) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: of_connection(error) }
}

fn of_write(error: WriteError) -> StreamErrorIncoming {
    match error {
        WriteError::Stopped(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into() },
        WriteError::ConnectionLost(error) => lost(error),
        error => StreamErrorIncoming::Unknown(error.into()),
    }
}
