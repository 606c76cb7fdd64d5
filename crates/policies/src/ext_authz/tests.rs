//! What the service is told, and what becomes of its answers. A real server of gRPC is in the tests of the whole program.

use maitred_policy::CallError;
use maitred_policy::harness::{Called, Harness, Outcome, problems_of};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::messages::{
    AttributeContext, CheckRequest, DeniedHttpResponse, HeaderValue, HeaderValueOption, HttpStatus,
    OkHttpResponse, QueryParameter, RpcStatus,
};
use maitred_http::Fields;

use super::*;
use crate::authorize::Authorize;

fn framed(answer: &CheckResponse) -> (ResponseHead, WholeBody) {
    let mut bytes = Vec::new();
    push_frame(&mut bytes, &answer.encode_to_vec()).unwrap();
    let mut trailers = Fields::default();
    trailers.append_bytes(b"grpc-status", b"0");
    let head = ResponseHead { status: 200, ..ResponseHead::default() };
    (head, WholeBody { bytes, trailers: Some(trailers) })
}

fn answering(yaml: &str, answer: CheckResponse) -> Harness {
    Harness::of::<ExtAuthz>(yaml).answering(move |_| Some(Ok(framed(&answer))))
}

#[expect(clippy::unnecessary_wraps, reason = "messages stand in messages so")]
fn status(code: i32) -> Option<RpcStatus> {
    Some(RpcStatus { code })
}

fn ok(ok: OkHttpResponse) -> CheckResponse {
    CheckResponse { status: status(0), ok_response: Some(ok), ..CheckResponse::default() }
}

fn header(key: &str, value: &str, append: Option<bool>, append_action: i32) -> HeaderValueOption {
    let header = HeaderValue { key: key.to_owned(), value: value.to_owned(), raw_value: Vec::new() };
    HeaderValueOption { header: Some(header), append, append_action }
}

fn asked(called: &Called) -> AttributeContext {
    let message = FrameReader::new(MOST).take(&mut called.body.as_slice()).unwrap().unwrap();
    CheckRequest::decode(message.as_slice()).unwrap().attributes.unwrap()
}

fn ends(outcome: &Outcome) -> (u16, Option<&'static str>) {
    (outcome.response.status, outcome.cause())
}

#[test]
fn the_service_is_told_of_the_request() {
    let harness = answering(
        "{ upstream: grpc://a:1, body: 4B, context: { shop: one }, timeout: 250ms }",
        ok(OkHttpResponse::default()),
    )
    .with_facts(|facts| {
        let names = vec!["a.example".to_owned(), "spiffe://a/b".to_owned()];
        let shown = maitred_policy::CertificateFacts { names, ..Default::default() };
        facts.certificate = Some(std::rc::Rc::new(shown));
    });
    let fields = [
        ("Host", "h"),
        ("X-A", "1"),
        ("x-a", "2"),
        ("Cookie", "a=b"),
        ("Cookie", "c=d"),
        ("Connection", "close"),
        ("X-User-ID", "root"),
        ("X_Consumer", "root"),
    ];
    let outcome = harness.request("POST /a?b=c", &fields).body("abcd").answer(200, &[]);
    assert_eq!((ends(&outcome), outcome.sent_body.as_slice()), ((200, None), &b"abcd"[..]));
    let [called] = &harness.calls()[..] else { panic!("one question") };
    assert_eq!(
        (called.to.as_str(), called.request.target.as_str()),
        ("grpc://a:1", "/envoy.service.auth.v3.Authorization/Check")
    );
    assert_eq!(called.field("Content-Type").as_deref(), Some("application/grpc"));
    assert!(called.field("grpc-timeout").unwrap().starts_with("250"));
    let told = asked(called);
    assert_eq!(told.context_extensions["shop"], "one");
    let source = told.source.unwrap();
    assert_eq!(source.address.unwrap().socket_address.unwrap().address, "192.0.2.7");
    assert_eq!(
        (source.principal.as_str(), told.destination.unwrap().service.as_str()),
        ("spiffe://a/b", "web")
    );
    let request = told.request.unwrap();
    assert_eq!(request.time.unwrap().seconds, 1_795_265_045);
    let http = request.http.unwrap();
    let said = [&http.id, &http.method, &http.path, &http.host, &http.scheme, &http.protocol, &http.body];
    assert_eq!(said, ["the-id", "POST", "/a?b=c", "h", "https", "HTTP/1.1", "abcd"]);
    assert_eq!(http.size, 4);
    let headers: Vec<_> = http.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("cookie", "a=b; c=d"), ("host", "h"), ("x-a", "1,2")]);
    harness.request("POST /", &[]).body(vec![0xff, 0]).answer(200, &[]);
    let http = asked(&harness.calls()[1]).request.unwrap().http.unwrap();
    assert_eq!((http.body.as_str(), http.raw_body.as_slice()), ("", &[0xff, 0][..]));
    assert_eq!(harness.request("POST /", &[]).body("abcde").answer(200, &[]).response.status, 413);
    let without = answering("grpc://a", ok(OkHttpResponse::default()));
    assert_eq!(without.request("POST /", &[]).body("abcde").answer(200, &[]).response.status, 200);
    assert_eq!(asked(&without.calls()[0]).request.unwrap().http.unwrap().size, -1);
}

#[test]
fn what_the_answer_changes_is_changed() {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let groups = prost_types::ListValue { values: vec![text("staff")] };
    let fields = [
        ("sub".to_owned(), text("u-1")),
        ("groups".to_owned(), Value { kind: Some(Kind::ListValue(groups)) }),
        ("age".to_owned(), Value { kind: Some(Kind::NumberValue(7.0)) }),
    ];
    let answer = CheckResponse {
        dynamic_metadata: Some(Struct { fields: fields.into_iter().collect() }),
        ..ok(OkHttpResponse {
            headers: vec![
                header("x-set", "new", None, 0),
                header("x-over", "new", Some(false), 0),
                header("x-more", "new", Some(true), 0),
                header("x-absent", "new", None, 1),
                header("x-present", "new", None, 3),
                header("x-kept", "new", None, 1),
                header("x-none", "new", None, 3),
            ],
            headers_to_remove: vec!["authorization".to_owned(), "Host".to_owned(), ":path".to_owned()],
            response_headers_to_add: vec![
                header("set-cookie", "a=1", Some(true), 0),
                header("set-cookie", "c=3", None, 0),
                header("set-cookie", "d=4", None, 0),
                header("x-r", "1", Some(false), 0),
            ],
            query_parameters_to_set: vec![QueryParameter { key: "q".to_owned(), value: "a b".to_owned() }],
            query_parameters_to_remove: vec!["key".to_owned()],
            ..OkHttpResponse::default()
        })
    };
    let harness = answering("grpc://a", answer).and::<Authorize>("{ groups: staff }");
    let old = ["x-set", "x_set", "x-over", "x-more", "x-present", "x-kept", "authorization", "x-user-id"];
    let outcome = harness
        .request("GET /p?key=1&q=2&r=3", &old.map(|name| (name, "old")))
        .answer(200, &[("Set-Cookie", "b=2"), ("X-R", "0")]);
    assert_eq!(ends(&outcome), (200, None));
    let sent = ["x-set", "x-over", "x-more", "x-absent", "x-present", "x-kept", "x-user-id"]
        .map(|name| outcome.sent_field(name).unwrap());
    assert_eq!(sent, ["new", "new", "old | new", "new", "new", "old", "u-1"]);
    assert_eq!(outcome.sent_field("x_set"), None);
    assert_eq!((outcome.sent_field("authorization"), outcome.sent_field("x-none")), (None, None));
    assert_eq!(outcome.sent_target(), "/p?r=3&q=a%20b");
    assert_eq!(outcome.facts.asked.as_ref().unwrap().target.as_str(), "/p?key=1&q=2&r=3");
    assert_eq!(outcome.field("Set-Cookie").unwrap(), "b=2 | a=1 | c=3 | d=4");
    assert_eq!(outcome.field("X-R").unwrap(), "1");
    let claims = outcome.facts.claims.unwrap();
    assert_eq!((&*claims.issuer, &claims.all["age"]), ("ext_authz", &serde_json::json!(7)));
}

#[test]
fn a_refusal_is_the_answer_of_the_service() {
    let plain = CheckResponse { status: status(16), ..CheckResponse::default() };
    let outcome = answering("grpc://a", plain).request("GET /", &[]).answer(200, &[]);
    assert_eq!(
        (ends(&outcome), outcome.body.len(), outcome.sent.is_none()),
        ((403, Some("refused_by_service")), 0, true)
    );
    let denied = DeniedHttpResponse {
        status: Some(HttpStatus { code: 401 }),
        headers: vec![
            header("www-authenticate", "Bearer", None, 0),
            header("set-cookie", "a=1", Some(true), 0),
            header("set-cookie", "b=2", Some(false), 0),
            header("set-cookie", "c=3", None, 0),
            header("set-cookie", "d=4", None, 3),
        ],
        body: "sign in".to_owned(),
    };
    let answer =
        CheckResponse { status: status(7), denied_response: Some(denied), ..CheckResponse::default() };
    let outcome = answering("grpc://a", answer).request("GET /", &[]).answer(200, &[]);
    assert_eq!((outcome.response.status, &*outcome.body), (401, &b"sign in"[..]));
    assert_eq!(outcome.field("Set-Cookie").unwrap(), "a=1 | b=2 | c=3 | d=4");
    assert_eq!(outcome.field("WWW-Authenticate").unwrap(), "Bearer");
}

#[test]
fn a_refusal_stays_one_whatever_it_would_set() {
    let denied = |code, headers| DeniedHttpResponse {
        status: Some(HttpStatus { code }),
        headers,
        ..DeniedHttpResponse::default()
    };
    let nameless = HeaderValueOption { header: None, append: None, append_action: 0 };
    let odd = vec![
        header("content-length", "7", None, 0),
        header("connection", "close", None, 0),
        header(":status", "200", None, 0),
        header("x-a", "b\r\nx-c: d", None, 0),
        nameless,
        header("x-kept", "1", None, 9),
    ];
    for (code, headers, seen) in [
        (401, odd, 401),
        (99, Vec::new(), 403),
        (-1, Vec::new(), 403),
        (1000, Vec::new(), 403),
        (65_936, Vec::new(), 403),
    ] {
        let is_odd = !headers.is_empty();
        let answer = CheckResponse {
            status: status(7),
            denied_response: Some(denied(code, headers)),
            ..CheckResponse::default()
        };
        let open = answering("{ upstream: grpc://a, failure_mode_allow: true }", answer);
        let outcome = open.request("GET /", &[]).answer(200, &[]);
        assert_eq!(ends(&outcome), (seen, Some("refused_by_service")), "{code}");
        assert!(outcome.sent.is_none());
        assert_eq!(outcome.field("X-Kept").is_some(), is_odd);
        for name in ["Content-Length", "Connection", "X-A", "X-C"] {
            assert_eq!(outcome.field(name), None, "{name}");
        }
    }
}

#[test]
fn what_is_no_answer_keeps_requests_out_unless_told_otherwise() {
    let setting = |name: &str, value: &str| {
        ok(OkHttpResponse { headers: vec![header(name, value, None, 0)], ..OkHttpResponse::default() })
    };
    let odd = [
        CheckResponse::default(),
        CheckResponse {
            denied_response: Some(DeniedHttpResponse::default()),
            ..ok(OkHttpResponse::default())
        },
        setting("host", "evil"),
        setting("content-length", "1"),
        setting(":path", "/"),
        setting("", ""),
        setting("x-a", "b\r\nx-c: d"),
        ok(OkHttpResponse { headers: vec![header("x", "y", None, 9)], ..OkHttpResponse::default() }),
        ok(OkHttpResponse {
            headers_to_remove: vec!["transfer-encoding".to_owned()],
            ..OkHttpResponse::default()
        }),
    ]
    .map(|answer| Some(Ok(framed(&answer))));
    let (head, whole) = framed(&ok(OkHttpResponse::default()));
    let with = |change: &dyn Fn(&mut ResponseHead, &mut WholeBody)| {
        let (mut head, mut whole) = (head.clone(), whole.clone());
        change(&mut head, &mut whole);
        Some(Ok((head, whole)))
    };
    let others = [
        None,
        Some(Err(CallError::Broken)),
        with(&|_, whole| whole.trailers = None),
        with(&|_, whole| whole.bytes.clear()),
        with(&|_, whole| whole.bytes.extend_from_within(..)),
        with(&|_, whole| whole.bytes.extend_from_slice(b"\0")),
        with(&|_, whole| whole.bytes = b"\0\0\0\0\x02\xff\xff".to_vec()),
        with(&|head, _| head.fields.append_bytes(b"grpc-status", b"14")),
    ];
    for answer in odd.into_iter().chain(others) {
        let given = answer.clone();
        let harness = Harness::of::<ExtAuthz>("grpc://a").answering(move |_| given.clone());
        let outcome = harness.request("GET /", &[]).answer(200, &[]);
        assert_eq!(ends(&outcome), (502, Some("ext_authz")), "{answer:?}");
        assert!(outcome.sent.is_none());
        let open = Harness::of::<ExtAuthz>("{ upstream: grpc://a, failure_mode_allow: true }");
        let open = open.answering(move |_| answer.clone());
        let outcome = open.request("GET /", &[("X-User-ID", "root")]).answer(200, &[]);
        assert_eq!((ends(&outcome), outcome.sent_field("X-User-ID")), ((200, None), None));
        let passed = |harness: &Harness| harness.measures().iter().map(|one| one.value).collect::<Vec<_>>();
        assert_eq!((passed(&open), passed(&harness)), (vec![1], vec![]));
        let reloaded = open.reloaded::<ExtAuthz>("{ upstream: grpc://b, failure_mode_allow: true }");
        assert_eq!(passed(&reloaded), [1]);
    }
}

#[test]
fn mistakes_are_told_and_nobody_is_asked_to_explain() {
    assert!(problems_of::<ExtAuthz>("http://a:1").contains("write `grpc://` in place of `http://`"));
    assert!(problems_of::<ExtAuthz>("http1").contains("HTTP/1.1 is spoken to `http1`"));
    assert!(problems_of::<ExtAuthz>("unix:/run/a").contains("has `protocols: h2`"));
    assert!(problems_of::<ExtAuthz>("nobody").contains("there is no upstream `nobody`"));
    let harness = Harness::of::<ExtAuthz>("{ upstream: auth, body: 1KiB, failure_mode_allow: true }");
    let says =
        "asks the upstream `auth` whether it may pass, with its body; it passes while that cannot be asked";
    assert_eq!(harness.request("GET /", &[]).explain(), [says]);
}
