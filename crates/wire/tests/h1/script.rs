//! A connection whose other side is a script: what it sends, in which pieces, and how much it takes at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Sizes of pieces, used in turn and then again from the first.
#[derive(Clone, Debug)]
pub struct Splits {
    sizes: Vec<usize>,
    next: usize,
    /// Whether every piece is preceded by a `Pending`.
    waits: bool,
}

impl Splits {
    /// All at once.
    pub fn whole() -> Self {
        Self { sizes: vec![usize::MAX], next: 0, waits: false }
    }

    /// One byte at a time, each after a wait.
    pub fn bytes() -> Self {
        Self { sizes: vec![1], next: 0, waits: true }
    }

    /// Pieces of these sizes, each after a wait.
    pub fn of(sizes: &[usize]) -> Self {
        assert!(sizes.iter().all(|&size| size > 0));
        Self { sizes: sizes.to_vec(), next: 0, waits: true }
    }

    fn piece(&mut self) -> usize {
        let size = self.sizes[self.next % self.sizes.len()];
        self.next += 1;
        size
    }
}

/// The scripted connection.
#[derive(Debug)]
pub struct Script {
    input: Vec<u8>,
    read: usize,
    reads: Splits,
    writes: Splits,
    held_back: [bool; 2],
    /// What comes behind the input: the end of the stream, or silence.
    pub stays_open: bool,
    /// How every read and write fails; with `WriteZero`, a write takes nothing instead.
    pub fails: Option<io::ErrorKind>,
    /// Written bytes become visible in `output` with a flush only, as in a TLS session.
    pub needs_flush: bool,
    /// What was written.
    pub output: Vec<u8>,
    unflushed: Vec<u8>,
}

impl Script {
    pub fn new(input: &[u8], reads: Splits) -> Self {
        Self {
            input: input.to_vec(),
            read: 0,
            reads,
            writes: Splits::whole(),
            held_back: [false; 2],
            stays_open: false,
            fails: None,
            needs_flush: false,
            output: Vec::new(),
            unflushed: Vec::new(),
        }
    }

    /// Takes what is written to it in these pieces.
    pub fn writing(mut self, writes: Splits) -> Self {
        self.writes = writes;
        self
    }

    /// Says nothing more after its input, but does not end either.
    pub fn open(mut self) -> Self {
        self.stays_open = true;
        self
    }

    /// Bytes of the input that nobody has read.
    pub fn unread(&self) -> usize {
        self.input.len() - self.read
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.needs_flush {
            self.unflushed.extend_from_slice(bytes);
        } else {
            self.output.extend_from_slice(bytes);
        }
    }

    /// Whether this call has to wait; every second one does, where the splits say so.
    fn waits(&mut self, side: usize, cx: &Context<'_>) -> bool {
        let splits = if side == 0 { &self.reads } else { &self.writes };
        if !splits.waits || self.held_back[side] {
            self.held_back[side] = false;
            return false;
        }
        self.held_back[side] = true;
        cx.waker().wake_by_ref();
        true
    }
}

impl AsyncRead for Script {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        assert!(buf.remaining() > 0, "a read without room looks like the end of the stream");
        if let Some(kind) = this.fails {
            return Poll::Ready(Err(kind.into()));
        }
        if this.unread() == 0 {
            return if this.stays_open { Poll::Pending } else { Poll::Ready(Ok(())) };
        }
        if this.waits(0, cx) {
            return Poll::Pending;
        }
        let size = this.reads.piece().min(this.unread()).min(buf.remaining());
        buf.put_slice(&this.input[this.read..this.read + size]);
        this.read += size;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.fails {
            Some(io::ErrorKind::WriteZero) => return Poll::Ready(Ok(0)),
            Some(kind) => return Poll::Ready(Err(kind.into())),
            None => {}
        }
        if this.waits(1, cx) {
            return Poll::Pending;
        }
        let most = this.writes.piece();
        let mut taken = 0;
        for slice in slices {
            let size = slice.len().min(most - taken);
            this.write(&slice[..size]);
            taken += size;
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.output.append(&mut this.unflushed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls until there is an answer; none where it waits for what will never come.
pub fn run<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let alarm = Arc::new(Alarm(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&alarm));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = poll(&mut cx) {
            return Some(answer);
        }
        if !alarm.0.swap(false, Ordering::Relaxed) {
            return None;
        }
    }
}
