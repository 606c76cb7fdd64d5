//! `idle`: opens many connections, sends one request on each and then leaves them open.
//!
//! Prints a line once all are open, holds them until its stdin ends, and then prints how many the
//! other side had closed.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::args::{Args, Failure};
use crate::request;
use crate::response::ResponseReader;
use crate::socket::{Dial, PATIENCE};

/// Runs until stdin ends.
pub fn run(args: &Args) -> Result<(), Failure> {
    let dial = Dial {
        target: args.required("target")?,
        sources: args.optional("sources")?.unwrap_or(0),
        slow: false,
    };
    let count: usize = args.required("connections")?;
    let request = request::render(&dial.target.to_string(), &args.required::<String>("path")?, "", 0);
    let mut connections = Vec::with_capacity(count);
    for index in 0..count {
        let mut stream = dial.connect(index).map_err(|error| format!("connection {index}: {error}"))?;
        exchange(&mut stream, &request).map_err(|problem| format!("connection {index}: {problem}"))?;
        connections.push(stream);
    }
    println!(r#"{{"open":{count}}}"#);
    io::stdin().read_to_end(&mut Vec::new())?;
    let mut closed = 0;
    for stream in &mut connections {
        stream.set_nonblocking(true)?;
        let still_open =
            matches!(stream.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        closed += usize::from(!still_open);
    }
    println!(r#"{{"closed":{closed}}}"#);
    Ok(())
}

/// One request and its whole answer, which must be a 200 that leaves the connection open.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<(), Failure> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut reader = ResponseReader::default();
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err("closed before the answer".into());
        }
        match reader.feed(&buffer[..count]) {
            Ok(None) => {}
            Ok(Some(response)) if response.status == 200 && !response.close => return Ok(()),
            Ok(Some(response)) => return Err(format!("{response:?}").into()),
            Err(problem) => return Err(format!("{problem:?}").into()),
        }
    }
}
