//! Messages with a few bytes changed: whatever the engine makes of them, it makes the same at every split, and lets no
//! byte through that a head must not have.

use maitred_http::Method;
use maitred_wire::Limits;
use proptest::prelude::*;

use crate::script::Splits;
use crate::table::{any_splits, call, runner, serve};

const REQUESTS: &[&[u8]] = &[
    b"GET /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nGET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"\r\nPOST /a HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PUT http://a/b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\nGET / HTTP/2.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: [::1]:1\r\nConnection: upgrade, x\r\nUpgrade: h\r\nExpect: 100-continue\r\nX: 1\r\n\r\n",
];

const ANSWERS: &[&[u8]] = &[
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n5;a\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.0 204 No\r\nConnection: keep-alive, x\r\nX: y\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nhello",
];

/// What becomes of a byte: dropped, or replaced by others.
fn any_change() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(vec![]),
        prop::sample::select(&b"\r\n\0 \t:;,=\"\\/*?#%[]@.-_+0159aAfGhHTx{\x7f\x80\xff"[..])
            .prop_map(|byte| vec![byte]),
        Just(b"\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"\r\nContent-Length: 1".to_vec()),
        Just(b"\r\nTransfer-Encoding: chunked".to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

/// Changes at places, given as fractions of the length.
fn any_changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Vec<u8>)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any_change()), 0..4)
}

fn change(bytes: &[u8], changes: &[(prop::sample::Index, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, change) in changes {
        if !bytes.is_empty() {
            let at = place.index(bytes.len());
            bytes.splice(at..=at, change.iter().copied());
        }
    }
    bytes
}

#[test]
fn changed_requests_read_the_same_at_every_split() {
    let limits = Limits { head: 150, uri: 20, ..Limits::default() };
    let any = (prop::sample::select(REQUESTS), any_changes(), any_splits());
    let result = runner(4000).run(&any, |(bytes, changes, splits)| {
        let bytes = change(bytes, &changes);
        let whole = serve(&bytes, Splits::whole(), &limits);
        prop_assert_eq!(&serve(&bytes, splits, &limits), &whole);
        prop_assert_eq!(&serve(&bytes, Splits::bytes(), &limits), &whole);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn changed_answers_read_the_same_at_every_split() {
    let limits = Limits { head: 80, ..Limits::default() };
    let methods = prop_oneof![Just(Method::Get), Just(Method::Head)];
    let any = (prop::sample::select(ANSWERS), methods, any_changes(), any_splits());
    let result = runner(4000).run(&any, |(bytes, method, changes, splits)| {
        let bytes = change(bytes, &changes);
        let whole = call(method, &bytes, Splits::whole(), &limits);
        prop_assert_eq!(&call(method, &bytes, splits, &limits), &whole);
        prop_assert_eq!(&call(method, &bytes, Splits::bytes(), &limits), &whole);
        Ok(())
    });
    result.unwrap();
}
