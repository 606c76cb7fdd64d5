//! The client of a try: its connection or stream, which sends the body of the request meanwhile and is told what comes before the
//! answer. A try beside another one has none to speak of: see `hedge`.

use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Instant;

use maitred_http::ResponseHead;
use maitred_net::Timer;
use maitred_upstream::Lease;
use maitred_wire::Broken;

use super::pump::PumpError;
use super::upload::Upload;
use crate::connection::Connection;

/// The client, as far as a try has to do with it.
pub(super) trait Client {
    /// For the waits of this try.
    fn timer(&self) -> &Timer;

    /// Both ends of its connection.
    fn ends(&mut self) -> Option<(SocketAddr, SocketAddr)>;

    /// Moves the request's body.
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        upload: &mut Upload,
        lease: &mut Lease,
    ) -> Poll<Result<(), PumpError>>;

    /// Waits until it has given up.
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Broken>;

    /// Passes an interim answer on, which it has to take until then.
    async fn inform(&mut self, interim: &ResponseHead, until: Instant) -> Result<(), Broken>;
}

impl Client for Connection {
    #[inline]
    fn timer(&self) -> &Timer {
        &self.timer
    }

    fn ends(&mut self) -> Option<(SocketAddr, SocketAddr)> {
        Connection::ends(self)
    }

    #[inline]
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        upload: &mut Upload,
        lease: &mut Lease,
    ) -> Poll<Result<(), PumpError>> {
        upload.poll_on(cx, self, lease)
    }

    #[inline]
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        self.client.poll_reset(cx)
    }

    async fn inform(&mut self, interim: &ResponseHead, until: Instant) -> Result<(), Broken> {
        self.client.inform(interim);
        self.flush(until).await
    }
}

/// For tries that are raced. The code of others, which are nearly all, has one use then, and is part of it.
impl Client for &mut Connection {
    fn timer(&self) -> &Timer {
        (**self).timer()
    }

    fn ends(&mut self) -> Option<(SocketAddr, SocketAddr)> {
        Client::ends(&mut **self)
    }

    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        upload: &mut Upload,
        lease: &mut Lease,
    ) -> Poll<Result<(), PumpError>> {
        (**self).poll_upload(cx, upload, lease)
    }

    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        (**self).poll_reset(cx)
    }

    async fn inform(&mut self, interim: &ResponseHead, until: Instant) -> Result<(), Broken> {
        (**self).inform(interim, until).await
    }
}
