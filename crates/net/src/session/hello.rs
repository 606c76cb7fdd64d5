//! A session of a client whose first message decides how it is answered: that is read first, then the settings are chosen.
//! Other clients are answered with settings that are known before they say anything.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Waker, ready};

use rustls::ServerConfig;
use rustls::server::{AcceptedAlert, Acceptor, ClientHello};
use tokio::io::ReadBuf;

use super::{Outlet, READ, Session, TlsCause, TlsFailure, TlsPeer, begins_tls, tell};
use crate::socket::Socket;

impl Session {
    /// Reads a client's first message and begins to answer it with what `choose` takes. The handshake goes on with
    /// [`poll_handshake`](Self::poll_handshake).
    /// `in_the_clear` is what a client is told that does not speak TLS.
    pub(crate) async fn after_hello(
        mut socket: Socket,
        in_the_clear: &[u8],
        choose: impl FnOnce(&Socket, &ClientHello<'_>) -> Arc<ServerConfig>,
    ) -> io::Result<Self> {
        let mut acceptor = Acceptor::default();
        let mut room = vec![0; READ];
        let mut is_begun = false;
        loop {
            let read = poll_fn(|cx| {
                let mut room = ReadBuf::new(&mut room);
                ready!(socket.poll_read(cx, &mut room))?;
                io::Result::Ok(room.filled().len()).into()
            });
            let read = read.await?;
            let mut unread = &room[..read];
            match unread.first() {
                None => return Err(TlsFailure::new(TlsPeer::Client, TlsCause::Closed).into()),
                Some(first) if !is_begun && !begins_tls(*first) => {
                    tell(&mut socket, in_the_clear);
                    return Err(TlsFailure::new(TlsPeer::Client, TlsCause::NotTls).into());
                }
                Some(_) => is_begun = true,
            }
            while !unread.is_empty() {
                acceptor.read_tls(&mut unread)?;
                let accepted = acceptor.accept().map_err(|failed| refuse(&mut socket, failed))?;
                let Some(accepted) = accepted else { continue };
                let config = choose(&socket, &accepted.client_hello());
                let tls = accepted.into_connection(config).map_err(|failed| refuse(&mut socket, failed))?;
                let mut session = Self::new(socket, tls.into());
                (session.unfed, session.is_begun) = (unread.to_vec(), true);
                return Ok(session);
            }
        }
    }
}

/// Tells the client why, if the socket takes that at once.
fn refuse(socket: &mut Socket, (error, mut alert): (rustls::Error, AcceptedAlert)) -> io::Error {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = alert.write_all(&mut Outlet { socket, cx: &mut cx });
    TlsFailure::of(TlsPeer::Client, &error).into()
}
