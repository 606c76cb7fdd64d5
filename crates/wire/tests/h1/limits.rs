//! Limits of heads, exactly at them and one beyond, in buffers smaller and larger than the limit.

use maitred_http::Method;
use maitred_wire::Limits;

use crate::script::{Script, Splits};
use crate::table::{call, serve, serve_script};

/// The first line of what is seen, which every split must agree on.
fn first(bytes: &[u8], limits: &Limits) -> String {
    let read = |splits| serve(bytes, splits, limits).swap_remove(0);
    let whole = read(Splits::whole());
    for splits in [Splits::bytes(), Splits::of(&[limits.head]), Splits::of(&[333, 1]), Splits::of(&[8192])] {
        assert_eq!(read(splits.clone()), whole, "{splits:?}");
    }
    whole.chars().take(15).collect()
}

fn limits(head: usize) -> Limits {
    Limits { head, uri: head, ..Limits::default() }
}

/// A head of exactly `len` bytes, made long by a field.
fn head_of(len: usize) -> String {
    let rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
    format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(len - rest))
}

/// RFC 6585 section 5 and RFC 9110 section 5.4: 431 for a head that is too large.
#[test]
fn the_size_of_a_head() {
    for most in [64, 1000, 8191, 8192, 8193, 16_384, 32_768, 40_000] {
        assert_eq!(first(head_of(most).as_bytes(), &limits(most)), "GET / HTTP/1.1 ", "{most}");
        assert_eq!(first(head_of(most + 1).as_bytes(), &limits(most)), "refused 431", "{most}");
        // It is refused when the limit is passed, not when it ends.
        let endless = head_of(3 * most);
        let mut io = Script::new(&endless.as_bytes()[..=most], Splits::bytes()).open();
        assert_eq!(serve_script(&mut io, &limits(most)), ["refused 431"], "{most}");
    }
}

/// The same behind another request, where the head does not begin with the buffer.
#[test]
fn the_size_of_a_later_head() {
    for most in [100, 8192, 10_000, 32_768] {
        for (len, end) in [(most, "closed"), (most + 1, "refused 431")] {
            let bytes = format!("{}{}{}", head_of(50), head_of(most), head_of(len));
            for splits in
                [Splits::whole(), Splits::bytes(), Splits::of(&[most - 1]), Splits::of(&[8000, 300])]
            {
                let seen = serve(bytes.as_bytes(), splits.clone(), &limits(most));
                assert_eq!(seen.last().unwrap(), end, "{most} {len} {splits:?}");
            }
        }
    }
}

/// What stands beyond the limit changes nothing, however much of it came along.
#[test]
fn a_head_too_large_is_judged_by_its_size_alone() {
    for behind in ["\n\n", "\0\r\n\r\n", "\r\n \r\n\r\n"] {
        let bytes = format!("{}{behind}", head_of(600).trim_end());
        assert_eq!(first(bytes.as_bytes(), &limits(500)), "refused 431");
    }
    // But its first line comes first.
    let bytes = head_of(600).replace("HTTP/1.1", "HTTP/4.1");
    assert_eq!(first(bytes.as_bytes(), &limits(500)), "refused 505");
}

/// RFC 9112 section 3: 414 for a request target longer than the server wishes to parse; 8000 octets are recommended.
#[test]
fn the_size_of_a_target() {
    let request = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(len - 1));
    let usual = Limits::default();
    assert!(usual.uri >= 8000);
    for most in [10, 100, usual.uri] {
        let limits = Limits { uri: most, ..Limits::default() };
        assert_eq!(first(request(most).as_bytes(), &limits).get(..5), Some("GET /"), "{most}");
        assert_eq!(first(request(most + 1).as_bytes(), &limits), "refused 414", "{most}");
    }
    assert_eq!(first(request(100_000).as_bytes(), &usual), "refused 414");
    let mut io = Script::new(&request(100_000).as_bytes()[..40_000], Splits::bytes()).open();
    assert_eq!(serve_script(&mut io, &usual), ["refused 414"]);
}

/// RFC 6585 section 5: 431 for too many fields, up to the 256 that the engine has room for.
#[test]
fn the_number_of_fields() {
    let request = |count: usize| {
        let fields: String = (1..count).map(|at| format!("X-{at}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
    };
    for most in [1, 100, 256] {
        let limits = Limits { fields: most, ..Limits::default() };
        assert_eq!(first(request(most).as_bytes(), &limits), "GET / HTTP/1.1 ", "{most}");
        assert_eq!(first(request(most + 1).as_bytes(), &limits), "refused 431", "{most}");
    }
    let unlimited = Limits { fields: usize::MAX, ..Limits::default() };
    assert_eq!(first(request(257).as_bytes(), &unlimited), "refused 431");
}

/// RFC 9110 section 7.6.1: names in `Connection`, of which no more can be meant than there may be fields.
#[test]
fn the_number_of_nominated_fields() {
    let request = |count: usize| {
        let names: String = (0..count).map(|at| format!("x-{at},, close, ")).collect();
        format!("GET / HTTP/1.1\r\nHost: a\r\nX-5: y\r\nConnection: {names}\r\n\r\n")
    };
    for most in [10, 100, 256] {
        let limits = Limits { fields: most, ..Limits::default() };
        assert_eq!(first(request(most).as_bytes(), &limits), "GET / HTTP/1.1 ", "{most}");
        assert_eq!(first(request(most + 1).as_bytes(), &limits), "refused 431", "{most}");
    }
    let unlimited = Limits { fields: usize::MAX, ..Limits::default() };
    assert_eq!(first(request(257).as_bytes(), &unlimited), "refused 431");
}

/// RFC 9110 section 5.4: a name of more than 64 KiB is too large whatever the limit of the head.
#[test]
fn the_size_of_a_field_name() {
    let request = |len: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}: y\r\n\r\n", "x".repeat(len));
    assert_eq!(first(request(65_535).as_bytes(), &limits(100_000)), "GET / HTTP/1.1 ");
    assert_eq!(first(request(65_536).as_bytes(), &limits(100_000)), "refused 431");
}

/// RFC 9110 section 9.1: a method longer than any that is known.
#[test]
fn the_size_of_a_method() {
    let request = |len: usize| format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(len));
    assert_eq!(first(request(23).as_bytes(), &Limits::default()).get(..5), Some("MMMMM"));
    assert_eq!(first(request(24).as_bytes(), &Limits::default()).get(..7), Some("refused"));
}

/// A response's head has the same limit, and at least 100 fields.
#[test]
fn the_head_of_a_response() {
    let rest = "HTTP/1.1 204 x\r\nX: \r\n\r\n".len();
    let sized = |len: usize| format!("HTTP/1.1 204 x\r\nX: {}\r\n\r\n", "x".repeat(len - rest));
    for most in [64, 8192, 9000, 32_768] {
        for (len, end) in [(most, "reusable"), (most + 1, "refused 431")] {
            for splits in [Splits::whole(), Splits::bytes(), Splits::of(&[most - 1, 1])] {
                let seen = call(Method::Get, sized(len).as_bytes(), splits, &limits(most));
                assert_eq!(seen.last().unwrap(), end, "{most} {len}");
            }
        }
    }
    // What stands beyond the limit changes nothing; what is no response at all is told first.
    for (bytes, status) in
        [(sized(200).replace("\r\n\r\n", "\n"), 431), (sized(200).replace("HTTP", "\r\nHT"), 400)]
    {
        for splits in [Splits::whole(), Splits::bytes(), Splits::of(&[150])] {
            assert_eq!(
                call(Method::Get, bytes.as_bytes(), splits, &limits(100)),
                [format!("refused {status}")]
            );
        }
    }
    let many = |count: usize| format!("HTTP/1.1 204 x\r\n{}\r\n", "X: y\r\n".repeat(count));
    let few = Limits { fields: 10, ..Limits::default() };
    assert_eq!(call(Method::Get, many(100).as_bytes(), Splits::whole(), &few)[1], "reusable");
    assert_eq!(call(Method::Get, many(101).as_bytes(), Splits::whole(), &few), ["refused 431"]);
}
