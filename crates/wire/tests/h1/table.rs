//! Tables of messages: a case is what comes over the connection and what the engine makes of it, as lines of text.
//!
//! `GET /a?b HTTP/1.1 host keep` is a request (`-` for no host), with `length=N` or `chunked` for its body, `close`
//! instead of `keep`, `expect`, `upgrade`, and ` | Name: value` for each field but those that the line tells;
//! `HTTP/1.1 200` is a response in the same way. `body …` and `trailer …` follow. The last line tells how it ends: `closed`
//! (between messages), `truncated`, `refused 400`, `waits` (for more), `ends` (not reusable), `reusable`.

use std::fmt::Write as _;

use maitred_http::{BodyLength, Known, Method, PathRules, RequestHead, ResponseHead};
use maitred_wire::h1::{Client, HeadRead, RequestFraming, Server};
use maitred_wire::{BodySink, BodySource, Broken, Limits, Piece};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::script::{Script, Splits, run};

/// A stream of bytes from a client and what is read in it.
pub struct Case {
    /// The section, and what it asks.
    pub rule: &'static str,
    pub bytes: &'static [u8],
    pub outcome: &'static [&'static str],
}

/// The same for a service that answers a request of `method`.
pub struct Answer {
    pub rule: &'static str,
    pub method: Method,
    pub bytes: &'static [u8],
    pub outcome: &'static [&'static str],
}

/// Random pieces, from single bytes to all at once.
pub fn any_splits() -> impl Strategy<Value = Splits> {
    prop_oneof![
        prop::collection::vec(1usize..8, 1..20),
        prop::collection::vec(1usize..80, 1..20),
        prop::collection::vec(prop_oneof![Just(1usize), 1usize..400], 1..8),
    ]
    .prop_map(|sizes| Splits::of(&sizes))
}

/// A test runner that leaves no files behind.
pub fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() })
}

/// Runs every case whole, byte by byte, and at random splits.
pub fn check(cases: &[Case]) {
    let limits = Limits::default();
    for case in cases {
        for splits in [Splits::whole(), Splits::bytes()] {
            let told = format!("{}\n{splits:?}\n{}", case.rule, case.bytes.escape_ascii());
            assert_eq!(serve(case.bytes, splits, &limits), case.outcome, "{told}");
        }
    }
    let every = 32 * u32::try_from(cases.len()).unwrap();
    let any = (0..cases.len(), any_splits());
    let result = runner(every).run(&any, |(at, splits)| {
        prop_assert_eq!(serve(cases[at].bytes, splits, &limits), cases[at].outcome, "{}", cases[at].rule);
        Ok(())
    });
    result.unwrap();
}

/// The same for answers.
pub fn check_answers(cases: &[Answer]) {
    let limits = Limits::default();
    for case in cases {
        for splits in [Splits::whole(), Splits::bytes()] {
            let told = format!("{}\n{splits:?}\n{}", case.rule, case.bytes.escape_ascii());
            assert_eq!(call(case.method, case.bytes, splits, &limits), case.outcome, "{told}");
        }
    }
    let every = 32 * u32::try_from(cases.len()).unwrap();
    let any = (0..cases.len(), any_splits());
    let result = runner(every).run(&any, |(at, splits)| {
        let case = &cases[at];
        prop_assert_eq!(call(case.method, case.bytes, splits, &limits), case.outcome, "{}", case.rule);
        Ok(())
    });
    result.unwrap();
}

/// Reads all requests in `bytes`, answers each with 200, and tells what it saw.
pub fn serve(bytes: &[u8], reads: Splits, limits: &Limits) -> Vec<String> {
    serve_script(&mut Script::new(bytes, reads.clone()).writing(reads), limits)
}

/// The same on a connection that the caller keeps.
pub fn serve_script(io: &mut Script, limits: &Limits) -> Vec<String> {
    let mut server = Server::default();
    let mut head = RequestHead::default();
    let mut seen = Vec::new();
    loop {
        head.clear();
        let read = run(|cx| server.poll_head(cx, io, limits, PathRules::Strict, &mut head));
        let info = match read {
            Some(Ok(HeadRead::Request(info))) => info,
            other => {
                seen.push(match other {
                    Some(Err(broken)) => tell_broken(&broken),
                    Some(Ok(_)) => "closed".into(),
                    None => "waits".into(),
                });
                return seen;
            }
        };
        seen.push(tell_request(&head, info));
        if let Some(end) = read_body(&mut server.body(io), info.length, &mut seen) {
            seen.push(end);
            return seen;
        }
        server.respond(&ResponseHead::default(), BodyLength::None, true);
        run(|cx| server.body(io).poll_finish(cx, None)).unwrap().unwrap();
        if !server.end_exchange() {
            seen.push("ends".into());
            return seen;
        }
    }
}

/// Sends a request of `method`, reads what `bytes` answer, and tells what it saw.
pub fn call(method: Method, bytes: &[u8], reads: Splits, limits: &Limits) -> Vec<String> {
    let io = &mut Script::new(bytes, reads.clone()).writing(reads);
    let mut client = Client::default();
    let mut request = RequestHead { method, ..RequestHead::default() };
    request.target.parse(b"/", PathRules::Strict).unwrap();
    request.fields.append_known(Known::Host, b"a");
    client.request(&request, BodyLength::None, None);
    run(|cx| client.body(io).poll_finish(cx, None)).unwrap().unwrap();

    let mut seen = Vec::new();
    let mut head = ResponseHead::default();
    let length = loop {
        head.clear();
        match run(|cx| client.poll_response(cx, io, limits, &mut head)) {
            Some(Ok(length)) => {
                seen.push(tell_response(&head, length));
                if head.status == 101 {
                    seen.push("ends".into());
                    return seen;
                }
                if !head.is_informational() {
                    break length;
                }
            }
            Some(Err(broken)) => {
                seen.push(tell_broken(&broken));
                return seen;
            }
            None => unreachable!("a scripted answer ends"),
        }
    };
    let length = if head.has_no_body(method) { BodyLength::None } else { length };
    if let Some(end) = read_body(&mut client.body(io), length, &mut seen) {
        seen.push(end);
        return seen;
    }
    // What came behind the response may not have been read yet: the pool finds it by looking at the socket.
    let reusable = client.end_exchange() && io.unread() == 0;
    seen.push(if reusable { "reusable" } else { "ends" }.into());
    seen
}

/// Reads a body to its end, a piece in two bites; answers with the last line if it does not end well.
fn read_body(body: &mut impl BodySource, length: BodyLength, seen: &mut Vec<String>) -> Option<String> {
    let mut text = Vec::new();
    loop {
        match run(|cx| body.poll_piece(cx)) {
            Some(Ok(Piece::Bytes)) => {
                let bite = body.bytes().len().div_ceil(2);
                text.extend_from_slice(&body.bytes()[..bite]);
                body.consume(bite);
            }
            Some(Ok(Piece::End)) => break,
            Some(Err(broken)) => return Some(tell_broken(&broken)),
            None => return Some("waits".into()),
        }
    }
    if length != BodyLength::None {
        seen.push(format!("body {}", text.escape_ascii()));
    }
    for (name, value) in body.trailers().into_iter().flatten() {
        seen.push(format!("trailer {}: {}", name.escape_ascii(), value.escape_ascii()));
    }
    None
}

fn tell_request(head: &RequestHead, info: RequestFraming) -> String {
    let host = if head.authority.is_empty() { "-" } else { head.authority.as_str() };
    let keep = if info.keep_alive { "keep" } else { "close" };
    let mut line =
        format!("{} {} {} {host} {keep}", head.method, head.target.as_str(), head.version.as_str());
    line.push_str(&tell_length(info.length));
    line.push_str(if info.expects_continue { " expect" } else { "" });
    line.push_str(if info.wants_upgrade { " upgrade" } else { "" });
    for (name, value) in &head.fields {
        if !matches!(
            Known::find(name),
            Some(
                Known::Host
                    | Known::Connection
                    | Known::ContentLength
                    | Known::TransferEncoding
                    | Known::Expect
            )
        ) {
            write!(line, " | {}: {}", name.escape_ascii(), value.escape_ascii()).unwrap();
        }
    }
    line
}

fn tell_response(head: &ResponseHead, length: BodyLength) -> String {
    let mut line = format!("{} {}{}", head.version.as_str(), head.status, tell_length(length));
    for (name, value) in &head.fields {
        write!(line, " | {}: {}", name.escape_ascii(), value.escape_ascii()).unwrap();
    }
    line
}

fn tell_length(length: BodyLength) -> String {
    match length {
        BodyLength::None => String::new(),
        BodyLength::Known(length) => format!(" length={length}"),
        BodyLength::Unknown => " chunked".into(),
    }
}

fn tell_broken(broken: &Broken) -> String {
    match broken {
        Broken::Refused(refusal) => format!("refused {}", refusal.status()),
        Broken::Truncated => "truncated".into(),
        Broken::Io(error) => format!("failed {error}"),
    }
}
