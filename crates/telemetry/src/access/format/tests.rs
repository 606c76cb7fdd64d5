//! Records, also such as attackers would like them, and the lines that come of them.

use super::*;

fn record() -> AccessRecord<'static> {
    AccessRecord {
        unix_micros: 1_795_265_045_001_230,
        request_id: b"01j9",
        client_ip: Some([203, 0, 113, 7].into()),
        method: b"GET",
        host: b"api.example.com",
        path: b"/users/7",
        query: b"limit=5&token=abc",
        protocol: "HTTP/1.1",
        status: 504,
        bytes_in: 120,
        bytes_out: 2326,
        duration_micros: 10_001_020,
        upstream_micros: Some(10_000_001),
        route: "users",
        path_template: "/users/{id}",
        upstream: "users",
        endpoint: "10.0.0.7:8080",
        variant: "B",
        attempts: 2,
        consumer: "acme corp",
        subject: "u\u{1}17",
        user_agent: b"cur\"l\\8\n\xff",
        referer: b"https://shop.example/cb?code=x",
        outcome: "upstream_timeout",
        policy: "any_of > jwt",
    }
}

fn line(shape: AccessShape, query: QueryLogging, record: &AccessRecord<'_>) -> String {
    let mut out = Vec::new();
    AccessFormat { shape, query }.encode(record, &mut TimeText::default(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn json_tells_everything() {
    let expected = concat!(
        r#"{"time":"2026-11-21T12:44:05.001230Z","request_id":"01j9","client_ip":"203.0.113.7","method":"GET","#,
        r#""host":"api.example.com","path":"/users/7","query":"limit=5&token=***","protocol":"HTTP/1.1","#,
        r#""status":504,"bytes_in":120,"bytes_out":2326,"duration_ms":10001.020,"upstream_ms":10000.001,"#,
        r#""route":"users","path_template":"/users/{id}","upstream":"users","endpoint":"10.0.0.7:8080","#,
        r#""variant":"B","attempts":2,"consumer":"acme corp","subject":"u\u000117","user_agent":"cur\"l\\8\n\ufffd","#,
        r#""referer":"https://shop.example/cb?code=***","outcome":"upstream_timeout","policy":"any_of > jwt"}"#,
        "\n"
    );
    let line = line(AccessShape::Json, QueryLogging::Redacted, &record());
    assert_eq!(line, expected);
    serde_json::from_str::<serde_json::Value>(&line).unwrap();
}

#[test]
fn json_leaves_out_what_is_unknown() {
    let line = line(AccessShape::Json, QueryLogging::Redacted, &AccessRecord::default());
    let expected =
        r#"{"time":"1970-01-01T00:00:00.000000Z","status":0,"bytes_in":0,"bytes_out":0,"duration_ms":0.000}"#;
    assert_eq!(line, format!("{expected}\n"));
}

#[test]
fn whatever_a_client_sends_stays_one_valid_line() {
    for byte in 0..=255 {
        let wild = [b'a', byte, b'"', 0xe2, byte, b'\n', b'='];
        let mut record = record();
        record.request_id = &wild;
        (record.method, record.host, record.path, record.query) = (&wild, &wild, &wild, &wild);
        (record.user_agent, record.referer) = (&wild, &wild);
        let json = line(AccessShape::Json, QueryLogging::Redacted, &record);
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
        for shape in [AccessShape::Json, AccessShape::Common, AccessShape::Combined] {
            let line = line(shape, QueryLogging::Redacted, &record);
            assert_eq!(line.find('\n'), Some(line.len() - 1));
            assert!(!line.trim_end().contains(char::is_control));
        }
    }
}

#[test]
fn the_common_and_the_combined_format() {
    let common = concat!(
        r#"203.0.113.7 - acme\x20corp [21/Nov/2026:12:44:05 +0000] "GET /users/7?limit=5&token=*** HTTP/1.1" "#,
        "504 2326"
    );
    assert_eq!(line(AccessShape::Common, QueryLogging::Redacted, &record()), format!("{common}\n"));
    let more = r#""https://shop.example/cb?code=***" "cur\x22l\x5c8\x0a\xff""#;
    assert_eq!(line(AccessShape::Combined, QueryLogging::Redacted, &record()), format!("{common} {more}\n"));
}

#[test]
fn the_common_format_has_a_dash_for_what_is_unknown() {
    let empty = AccessRecord::default();
    let expected = "- - - [01/Jan/1970:00:00:00 +0000] \"-\" - - \"-\" \"-\"\n";
    assert_eq!(line(AccessShape::Combined, QueryLogging::Redacted, &empty), expected);
}

#[test]
fn queries_are_omitted_or_full_on_demand() {
    for shape in [AccessShape::Json, AccessShape::Combined] {
        let omitted = line(shape, QueryLogging::Omit, &record());
        assert!(
            !omitted.contains("limit") && !omitted.contains("code") && !omitted.contains('?'),
            "{omitted}"
        );
        let full = line(shape, QueryLogging::Full, &record());
        assert!(full.contains("limit=5&token=abc") && full.contains("cb?code=x"), "{full}");
    }
}

#[test]
fn addresses_are_written_as_they_are_read() {
    for address in ["0.0.0.0", "255.10.9.1", "::1", "2001:db8::7", "::ffff:10.0.0.1"] {
        let record = AccessRecord { client_ip: Some(address.parse().unwrap()), ..AccessRecord::default() };
        assert!(line(AccessShape::Common, QueryLogging::Omit, &record).starts_with(&format!("{address} - ")));
    }
}
