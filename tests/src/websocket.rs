//! A real `WebSocket` service that sends back what it gets, and a real client. Both speak through a gateway.

use std::net::TcpStream;

use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use crate::fake::Fake;
use crate::gateway::Gateway;

/// A WebSocket service that sends back what it gets, and closes when it is asked to by `close, please`.
pub fn websocket_echo() -> Fake {
    Fake::start(|wire, _| {
        let Ok(mut socket) = tungstenite::accept(wire.into_tcp()) else { return };
        while let Ok(message) = socket.read() {
            let sent = match message {
                Message::Text(text) if text.as_str() == "close, please" => {
                    socket.close(Some(CloseFrame { code: CloseCode::Away, reason: "as you wish".into() }))
                }
                Message::Text(_) | Message::Binary(_) => socket.send(message),
                _ => Ok(()),
            };
            if sent.is_err() {
                return;
            }
        }
    })
}

/// Opens a WebSocket at `/chat` through a gateway.
pub fn open_websocket(gateway: &Gateway) -> WebSocket<TcpStream> {
    let url = format!("ws://127.0.0.1:{}/chat?room=1", gateway.port("web"));
    let (socket, response) = tungstenite::client(url, gateway.connect().into_tcp()).unwrap();
    assert_eq!(response.status(), 101);
    socket
}
