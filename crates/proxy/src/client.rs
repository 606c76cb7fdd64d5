//! Serves one client from the first byte to the last: waits for a request, has it served, and waits again. All that a request
//! needs is boxed and gone with it, so that the task of an idle connection is small; a panic ends one exchange. HTTP/1; a client
//! that turns out to speak HTTP/2 is handed to `streams`.

use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use maitred_wire::Broken;
use maitred_wire::h1::HeadRead;

use crate::catch_panic::CatchPanic;
use crate::connection::{Connection, Waited};
use crate::exchange::{self, After, respond};
use crate::local::Heads;
use crate::streams;
use crate::worker::Worker;

/// Serves a connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, mut connection: Box<Connection>) {
    loop {
        if connection.wait(&worker, worker.idle_timeout()).await != Waited::Readable {
            return;
        }
        let after = match CatchPanic(Box::pin(requests(&worker, &mut connection))).await {
            Ok(after) => after,
            Err(message) => Box::pin(respond::panicked(&worker, &mut connection, message)).await,
        };
        match after {
            After::Wait => {}
            After::Abort => return connection.abort(),
            After::Close => return Box::pin(connection.linger(&worker)).await,
            After::Tunnel(tunnel) => return Box::pin(tunnel.run(&worker, connection)).await,
            After::Streams(unread) => {
                return Box::pin(streams::serve_http2(&worker, *connection, unread)).await;
            }
        }
    }
}

/// How long what a request needs is kept for the next one: on a busy connection that comes sooner, and making it anew each
/// time would cost more than all policies together.
const KEPT: Duration = Duration::from_millis(100);

/// Serves requests for as long as they follow each other closely.
async fn requests(worker: &Rc<Worker>, connection: &mut Connection) -> After {
    loop {
        match one_request(worker, connection).await {
            After::Wait if connection.is_last(worker) => return After::Close,
            After::Wait => {}
            after => return after,
        }
        if connection.wait(worker, KEPT).await != Waited::Readable {
            return After::Wait;
        }
    }
}

/// What came of a connection that has something to read.
enum Came {
    Head(Result<HeadRead, Broken>),
    /// The client speaks HTTP/2, and knows that it is spoken here.
    Http2,
    /// Nothing after all: a socket that was just accepted counts as readable until it was read from.
    Nothing,
    /// A part of a head, and the rest not in time.
    Late,
}

/// Reads one head and serves it.
async fn one_request(worker: &Rc<Worker>, connection: &mut Connection) -> After {
    let snapshot = worker.snapshot();
    let Some(listener) = snapshot.listener(&connection.admitted.listener) else { return After::Close };
    let limits = &snapshot.shared.limits;
    let mut heads = worker.take_heads();
    let connection_is_new = connection.is_new;
    let read = {
        let Connection { client, timer, .. } = &mut *connection;
        let Some((server, stream)) = client.as_http1() else { return After::Close };
        let Heads { request, .. } = &mut *heads;
        let mut is_late = false;
        let mut may_be_http2 = connection_is_new && listener.http2;
        std::future::poll_fn(|cx| {
            if may_be_http2 {
                match server.poll_preface(cx, stream) {
                    Poll::Ready(Ok(true)) => return Poll::Ready(Came::Http2),
                    Poll::Ready(Ok(false)) => may_be_http2 = false,
                    Poll::Ready(Err(broken)) => return Poll::Ready(Came::Head(Err(broken))),
                    Poll::Pending => {}
                }
            }
            if !may_be_http2
                && let Poll::Ready(read) = server.poll_head(cx, stream, limits, listener.paths, request)
            {
                return Poll::Ready(Came::Head(read));
            }
            if !server.has_unread() {
                return Poll::Ready(Came::Nothing);
            }
            // Most heads come in one piece and need no timer.
            if !std::mem::replace(&mut is_late, true) {
                timer.set(worker.clock.now() + limits.head_timeout);
            }
            timer.poll_fired(cx).map(|()| Came::Late)
        })
        .await
    };
    let after = match read {
        Came::Head(Ok(HeadRead::Request(announced))) => {
            connection.is_new = false;
            if worker.is_overloaded() {
                respond::shed(worker, &snapshot, connection, &heads).await
            } else {
                exchange::serve(worker, &snapshot, listener, connection, &mut heads, (announced, None)).await
            }
        }
        Came::Nothing => After::Wait,
        Came::Http2 => After::Streams(connection.client.take_unread()),
        Came::Head(Ok(HeadRead::Closed) | Err(Broken::Truncated | Broken::Io(_))) => After::Abort,
        Came::Head(Err(Broken::Refused(refusal))) => {
            respond::refuse(worker, &snapshot, connection, &heads, refusal.into()).await
        }
        Came::Late => respond::refuse(worker, &snapshot, connection, &heads, respond::TOO_SLOW).await,
    };
    worker.give_heads(heads);
    after
}
