//! A port that is ours, over TCP: bound, but not listened on, so that nobody else is given it while the program under test,
//! which shares its ports among its workers, can still listen there.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1.
#[derive(Debug)]
pub struct Port {
    _held: Socket,
    number: u16,
}

impl Port {
    /// Reserves one that nobody uses.
    pub fn reserve() -> Self {
        let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        held.set_reuse_address(true).unwrap();
        held.set_reuse_port(true).unwrap();
        held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let number = held.local_addr().unwrap().as_socket().unwrap().port();
        Self { _held: held, number }
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}
