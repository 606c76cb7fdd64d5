//! Heads of requests, from the parts that the library hands over, and into them.

use ::http::Request;

use super::*;

const DEFAULT: &str = "https://a.example:8443/p?q";

/// What a request with these fields is read as: its target, its fields as lines, and its framing.
fn read_with(
    request: ::http::request::Builder,
    is_whole: bool,
    limits: &Limits,
) -> Result<(RequestHead, RequestFraming), Refusal> {
    let parts = request.body(()).unwrap().into_parts().0;
    let mut head = RequestHead::default();
    let framing = read_request(&parts, Version::H2, is_whole, limits, PathRules::Strict, &mut head)?;
    Ok((head, framing))
}

fn read(request: ::http::request::Builder) -> Result<(RequestHead, RequestFraming), Refusal> {
    read_with(request, true, &Limits::default())
}

fn lines(head: &RequestHead) -> String {
    let mut out = Vec::new();
    head.fields.write_to(&mut out, KnownSet::EMPTY);
    String::from_utf8(out).unwrap()
}

fn get(uri: &str) -> ::http::request::Builder {
    Request::builder().uri(uri)
}

#[test]
fn reads_a_request() {
    let (head, framing) = read(get(DEFAULT).header("accept", "*/*").header("cookie", "a=1")).unwrap();
    assert_eq!((head.method, head.version), (Method::Get, Version::H2));
    assert_eq!((head.target.as_str(), head.authority.as_str()), ("/p?q", "a.example:8443"));
    assert_eq!(lines(&head), "Host: a.example:8443\r\naccept: */*\r\nCookie: a=1\r\n");
    let expected = RequestFraming {
        length: BodyLength::None,
        keep_alive: true,
        expects_continue: false,
        wants_upgrade: false,
    };
    assert_eq!(framing, expected);
}

#[test]
fn host_stands_in_for_a_missing_authority_and_must_agree_with_a_present_one() {
    let (head, _) = read(get("/p").header("host", "B.example")).unwrap();
    assert_eq!((head.authority.as_str(), &*lines(&head)), ("b.example", "Host: B.example\r\n"));
    let (head, _) = read(get(DEFAULT).header("host", "A.EXAMPLE:8443")).unwrap();
    assert_eq!(lines(&head), "Host: a.example:8443\r\n");
    for (uri, hosts, why) in [
        ("/p", &[][..], "Host is missing"),
        (DEFAULT, &["b.example"], "Host and :authority name different hosts"),
        (DEFAULT, &["a.example"], "Host and :authority name different hosts"),
        (DEFAULT, &["a.example:8443", "a.example:8443"], "Host occurs twice"),
        (DEFAULT, &["a/b"], "Host is malformed"),
        ("/p", &["a b"], "Host is malformed"),
        ("/p", &[""], "Host is malformed"),
        ("https://user@a.example/", &[], ":authority is malformed"),
    ] {
        let request = hosts.iter().fold(get(uri), |request, host| request.header("host", *host));
        assert_eq!(read(request).unwrap_err(), Refusal::Bad(why), "{uri} {hosts:?}");
    }
}

#[test]
fn paths_obey_the_rules_of_http1() {
    let (head, _) = read(get("http://a/%7Eb/%c3?x=%zz")).unwrap();
    assert_eq!(head.target.as_str(), "/~b/%C3?x=%zz");
    let (head, _) = read(Request::options("http://a").uri("http://a/*")).unwrap();
    assert_eq!(head.target.as_str(), "/*");
    for path in ["/a/../b", "/a/%2e/b", "/a%2Fb", "/a%5cb", "/a%00b", "/a%", "/a\\b"] {
        assert!(matches!(read(get(&format!("http://a{path}"))), Err(Refusal::Bad(_))), "{path}");
    }
    let limits = Limits { uri: 5, ..Limits::default() };
    assert!(read_with(get("http://a/1234"), true, &limits).is_ok());
    assert_eq!(read_with(get("http://a/12345"), true, &limits).unwrap_err(), Refusal::UriTooLong);
    assert!(matches!(read(get("ftp://a/")), Err(Refusal::Bad(":scheme is neither http nor https"))));
}

/// What the library makes of `:path: *`.
fn asterisk(method: ::http::Method) -> ::http::request::Builder {
    let mut parts = uri::Parts::default();
    parts.scheme = Some(uri::Scheme::HTTP);
    parts.authority = Some("a".parse().unwrap());
    parts.path_and_query = Some(PathAndQuery::from_static("*"));
    Request::builder().method(method).uri(Uri::from_parts(parts).unwrap())
}

#[test]
fn an_asterisk_is_for_options() {
    let (head, _) = read(asterisk(::http::Method::OPTIONS)).unwrap();
    assert!(head.target.is_asterisk());
    assert!(matches!(read(asterisk(::http::Method::GET)), Err(Refusal::Bad(_))));
}

#[test]
fn a_path_is_needed() {
    let mut parts = uri::Parts::default();
    parts.authority = Some("a".parse().unwrap());
    let request = Request::builder().uri(Uri::from_parts(parts).unwrap());
    assert_eq!(read(request).unwrap_err(), Refusal::Bad(":path is missing"));
}

#[test]
fn tunnels_are_for_websockets() {
    assert_eq!(read(get(DEFAULT).method("TRACE")).unwrap_err(), Refusal::Method);
    assert_eq!(read(Request::connect("a.example:443")).unwrap_err(), Refusal::Method);
    let extended = |protocol: &'static str| {
        Request::connect(DEFAULT)
            .extension(Protocol::from_static(protocol))
            .header("sec-websocket-version", "13")
    };
    assert_eq!(read(extended("connect-udp")).unwrap_err(), Refusal::Method);
    let request = extended("websocket").header("sec-websocket-key", "x");
    let (head, framing) = read_with(request, false, &Limits::default()).unwrap();
    assert_eq!((head.method, head.version), (Method::Get, Version::H2));
    assert_eq!((framing.wants_upgrade, framing.length), (true, BodyLength::None));
    assert_eq!(lines(&head), "Host: a.example:8443\r\nsec-websocket-version: 13\r\nUpgrade: websocket\r\n");
    assert!(matches!(read(extended("websocket").header("content-length", "3")), Err(Refusal::Bad(_))));
}

#[test]
fn lengths_and_expectations() {
    use BodyLength::{Known, None, Unknown};
    let post = || get(DEFAULT).method("POST");
    for (request, is_whole, length) in [
        (post(), true, None),
        (post(), false, Unknown),
        (post().header("content-length", "5"), false, Known(5)),
        (post().header("content-length", "0"), true, Known(0)),
    ] {
        let text = format!("{request:?}");
        assert_eq!(read_with(request, is_whole, &Limits::default()).unwrap().1.length, length, "{text}");
    }
    for bad in ["", "+1", "1, 1", "x", "99999999999999999999"] {
        assert!(matches!(read(post().header("content-length", bad)), Err(Refusal::Bad(_))), "{bad}");
    }
    let twice = post().header("content-length", "1").header("content-length", "1");
    assert!(matches!(read(twice), Err(Refusal::Bad(_))));
    assert!(read(post().header("expect", "100-Continue")).unwrap().1.expects_continue);
    assert_eq!(read(post().header("expect", "tea")).unwrap_err(), Refusal::Expectation);
}

#[test]
fn methods_and_numbers_of_fields_have_limits() {
    assert!(matches!(read(get(DEFAULT).method(&*"A".repeat(24))), Err(Refusal::Bad(_))));
    let (head, _) = read(get(DEFAULT).method("M-SEARCH")).unwrap();
    assert_eq!(head.method.as_str(), "M-SEARCH");
    let limits = Limits { fields: 3, ..Limits::default() };
    let with = |count: usize| (0..count).fold(get(DEFAULT), |request, _| request.header("x", "1"));
    assert!(read_with(with(3), true, &limits).is_ok());
    assert_eq!(read_with(with(4), true, &limits).unwrap_err(), Refusal::TooManyFields);
}

fn written(head: &RequestHead, length: BodyLength) -> Result<::http::Request<()>, Refusal> {
    write_request(head, Scheme::Https, length)
}

fn head_of(target: &str, fields: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead::default();
    head.target.parse(target.as_bytes(), PathRules::Strict).unwrap();
    for (name, value) in fields {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    head
}

#[test]
fn writes_a_request() {
    let fields = [
        ("Host", "a.example"),
        ("Accept", "*/*"),
        ("Connection", "close, x"),
        ("Keep-Alive", "1"),
        ("Upgrade", "h2c"),
        ("TE", "gzip, trailers"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "7"),
        ("X-Tag", "1"),
    ];
    let request = written(&head_of("/p?q", &fields), BodyLength::Known(3)).unwrap();
    assert_eq!(request.uri(), "https://a.example/p?q");
    let lines: Vec<_> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(lines, [("accept", "*/*"), ("x-tag", "1"), ("content-length", "3"), ("te", "trailers")]);
    let request = written(&head_of("/", &[("Host", "a"), ("TE", "gzip")]), BodyLength::Unknown).unwrap();
    assert!(request.headers().is_empty());
    let mut head = head_of("*", &[("Host", "a")]);
    head.method = Method::Options;
    let request = written(&head, BodyLength::None).unwrap();
    assert_eq!(request.uri().path_and_query().unwrap(), "*");
}

#[test]
fn what_the_library_would_refuse_is_encoded() {
    let request = written(&head_of("/a<b>^`|\"?x=<y>%20", &[("Host", "a")]), BodyLength::None).unwrap();
    assert_eq!(request.uri().path_and_query().unwrap(), "/a%3Cb%3E%5E%60%7C%22?x=%3Cy%3E%20");
}

#[test]
fn a_host_is_needed() {
    assert!(written(&head_of("/", &[]), BodyLength::None).is_err());
    assert!(written(&head_of("/", &[("Host", "a b")]), BodyLength::None).is_err());
    let mut head = head_of("/", &[]);
    head.authority.parse(b"c.example:1").unwrap();
    assert_eq!(written(&head, BodyLength::None).unwrap().uri(), "https://c.example:1/");
}
