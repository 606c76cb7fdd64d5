//! Connections of the admin listener: how many, and how long each may take for what.
//! HTTP/1.1 by a library: it serves operators, and its speed does not matter.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

use super::address::{AdminStream, BoundAdmin};
use super::pages::Pages;

/// Connections that are served at once; more wait in the kernel.
const MAX_CONNECTIONS: usize = 64;
/// Bytes and fields of a request's head.
const MAX_HEAD: usize = 16 << 10;
const MAX_FIELDS: usize = 64;
/// How long a head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be used; then it ends after the request that is under way.
const LIFE: Duration = Duration::from_mins(1);
/// How long that last request may take.
const LAST_REQUEST: Duration = Duration::from_secs(10);
/// After an error, such as no free descriptors, how long nothing is accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until it is aborted. Those that are open go on.
pub(super) async fn accept(listener: BoundAdmin, pages: Pages) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok(stream) => {
                let pages = pages.clone();
                tokio::spawn(async move {
                    let _place = place;
                    match stream {
                        AdminStream::Tcp(stream) => serve(stream, pages).await,
                        AdminStream::Unix(stream) => serve(stream, pages).await,
                    }
                });
            }
            Err(error) => {
                tracing::warn!("the admin listener cannot accept connections: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, pages: Pages) {
    let service = TowerToHyperService::new(pages.router());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // How a connection of an operator's tool ends is no news: what fails shows there.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(LIFE) => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(LAST_REQUEST, connection).await;
}
