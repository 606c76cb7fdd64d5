//! Where the fields of a request come from.

use super::*;

fn get(target: &str) -> Result<String, String> {
    sent(&transcoder(), Method::Get, target, "")
}

#[test]
fn fields_come_from_the_path() {
    for (target, json) in [
        ("/v1/shelves/1/books/a%20b", r#"{"name":"shelves/1/books/a b"}"#),
        ("/v1/shelves/1/books/a%2Fb", r#"{"name":"shelves/1/books/a%2Fb"}"#),
        ("/v1/books/a%2Fb", r#"{"name":"a/b"}"#),
        ("/v1/authors/A/books/-7", r#"{"author":{"name":"A"},"pages":"-7"}"#),
        (
            "/v1/at/2000-01-01T00:00:00Z/5/RED",
            r#"{"author":{"color":"RED"},"at":"2000-01-01T00:00:00Z","stars":5}"#,
        ),
    ] {
        assert_eq!(get(target).as_deref(), Ok(json), "{target}");
    }
    let report = Method::parse(b"REPORT").unwrap();
    assert_eq!(sent(&transcoder(), report, "/v1/x/y", "").as_deref(), Ok(r#"{"name":"x/y"}"#));
    assert_eq!(sent(&transcoder(), Method::Head, "/v1/best", "").as_deref(), Ok("{}"));
    for (target, told) in [
        ("/v1/authors/A/books/x", "path pages: wanted an integer of 64 bits, found \"x\""),
        ("/v1/authors/%ff/books/1", "path author.name: the value is not UTF-8"),
        ("/v1/at/now/5/RED", "path at: wanted a time such as \"2006-01-02T15:04:05Z\", found \"now\""),
    ] {
        assert_eq!(get(target), Err(told.to_owned()), "{target}");
    }
}

#[test]
fn fields_come_from_the_query() {
    for (query, json) in [
        ("", "{}"),
        ("name=a+b%26&fresh=true&price=1e2", r#"{"name":"a b&","fresh":true,"price":100}"#),
        ("author.name=A&author.color=1", r#"{"author":{"name":"A","color":"RED"}}"#),
        ("tags=a&tags=&tags=b", r#"{"tags":["a","","b"]}"#),
        ("colors=RED&colors=0&numbers=1&numbers=2", r#"{"colors":["RED","NONE"],"numbers":[1,2]}"#),
        ("at=2000-01-01T00:00:00Z&stars=3", r#"{"at":"2000-01-01T00:00:00Z","stars":3}"#),
        ("stars.value=3", r#"{"stars":3}"#),
        ("mask=a.b_c,dE", r#"{"mask":"a.bC,dE"}"#),
        ("cover=-_8", r#"{"cover":"+/8="}"#),
        ("pages=9223372036854775807", r#"{"pages":"9223372036854775807"}"#),
        ("keeper.pen=x", r#"{"keeper":{"pen":"x"}}"#),
    ] {
        assert_eq!(get(&format!("/v1/best?{query}")).as_deref(), Ok(json), "{query}");
    }
    for (query, told) in [
        ("x=1", "query parameter x: message t.Book has no field \"x\""),
        ("author.x=1", "query parameter author.x: message t.Author has no field \"x\""),
        ("author=1", "query parameter author: field \"author\" is a message and cannot be given as a text"),
        ("name.x=1", "query parameter name.x: field \"name\" has no fields"),
        ("others.name=1", "query parameter others.name: field \"others\" has no fields"),
        ("others=1", "query parameter others: field \"others\" is a message and cannot be given as a text"),
        ("labels=1", "query parameter labels: field \"labels\" is a message and cannot be given as a text"),
        ("labels.key=1", "query parameter labels.key: field \"labels\" has no fields"),
        ("=1", "query parameter : message t.Book has no field \"\""),
        ("fresh=1", "query parameter fresh: wanted true or false, found \"1\""),
        ("fresh", "query parameter fresh: wanted true or false, found \"\""),
        ("author.color=BLUE", "query parameter author.color: wanted a value of enum t.Color, found \"BLUE\""),
        ("name=a&name=b", "query parameter name: the field is given twice"),
        ("name=a&n%61me=b", "query parameter name: the field is given twice"),
        ("name=%ff", "query parameter name: the value is not UTF-8"),
        (
            "shelf=a&store=b",
            "query parameter store: another member of the same oneof is given, and only one of both is kept",
        ),
        (
            "shelf=a&keeper.name=b",
            "query parameter keeper.name: another member of the same oneof is given, and only one of both is kept",
        ),
        (
            "author.pen=a&author.born=1",
            "query parameter author.born: another member of the same oneof is given, and only one of both is kept",
        ),
    ] {
        assert_eq!(get(&format!("/v1/best?{query}")), Err(told.to_owned()), "{query}");
    }
    assert_eq!(
        get("/v1/books/a?name=b"),
        Err("query parameter name: the field comes from the path".to_owned())
    );
}

#[test]
fn unknown_parameters_can_be_passed_over() {
    let json = JsonOptions { ignore_unknown: true, ..JsonOptions::default() };
    let transcoder = transcoder_with(TranscoderOptions { json, ..TranscoderOptions::default() });
    assert_eq!(
        sent(&transcoder, Method::Get, "/v1/best?x=1&fresh=true", "").as_deref(),
        Ok(r#"{"fresh":true}"#)
    );
    assert_eq!(
        sent(&transcoder, Method::Put, "/v1/shelves/1/books/2?x=1", "").as_deref(),
        Ok(r#"{"name":"shelves/1/books/2"}"#)
    );
    assert!(sent(&transcoder, Method::Get, "/v1/best?fresh=x", "").is_err(), "a known field must fit");
}

#[test]
fn fields_come_from_the_body() {
    let transcoder = transcoder();
    let path = "/v1/shelves/1/books/2";
    for (method, target, body, json) in [
        // The whole message; what the path says wins.
        (Method::Put, path, r#"{"pages":5,"name":"x"}"#, r#"{"name":"shelves/1/books/2","pages":"5"}"#),
        (Method::Put, path, "", r#"{"name":"shelves/1/books/2"}"#),
        (Method::Put, path, " \n", r#"{"name":"shelves/1/books/2"}"#),
        // One field, and the rest from the query.
        (
            Method::Patch,
            "/v1/shelves/1/books/2?fresh=true",
            r#"{"name":"A"}"#,
            r#"{"name":"shelves/1/books/2","author":{"name":"A"},"fresh":true}"#,
        ),
        (Method::Patch, path, "null", r#"{"name":"shelves/1/books/2"}"#),
        (Method::Patch, path, "{}", r#"{"name":"shelves/1/books/2","author":{}}"#),
        (Method::Post, "/v1/books/1:tag", r#"["a","b"]"#, r#"{"name":"books/1","tags":["a","b"]}"#),
        // The path of the call.
        (Method::Post, "/t.Library/Plain", r#"{"name":"a"}"#, r#"{"name":"a"}"#),
        (Method::Post, "/t.Library/Get", r#"{"name":"a"}"#, r#"{"name":"a"}"#),
        (Method::Post, "/t.Second/Get", "{}", "{}"),
        // An empty object where there is no body.
        (Method::Get, "/v1/best", "{}", "{}"),
    ] {
        assert_eq!(sent(&transcoder, method, target, body).as_deref(), Ok(json), "{method} {target} {body}");
    }
    for (method, target, body, told) in [
        (Method::Put, path, r#"{"pages":"x"}"#, "body /pages: wanted an integer of 64 bits, found \"x\""),
        (Method::Put, path, "[]", "body: wanted an object, found a list"),
        (Method::Put, path, "{} {}", "body: malformed JSON at byte 3: there is more behind the value"),
        (
            Method::Put,
            "/v1/shelves/1/books/2?fresh=true",
            "{}",
            "query parameter fresh: all fields come from the path and the body",
        ),
        (
            Method::Patch,
            "/v1/shelves/1/books/2?author.name=A",
            "{}",
            "query parameter author.name: the field comes from the body",
        ),
        (Method::Post, "/v1/books/1:tag", r#"["a",1]"#, "body /1: wanted a text, found a number"),
        (Method::Get, "/v1/best", r#"{"name":"a"}"#, "body /name: this call takes no body"),
        (Method::Get, "/v1/best", "1", "body: wanted an object, found a number"),
    ] {
        assert_eq!(sent(&transcoder, method, target, body), Err(told.to_owned()), "{method} {target} {body}");
    }
}

/// The messages of a streamed request, as JSON, whose body comes in pieces of `size`.
fn streamed(
    path: &str,
    query: Option<&str>,
    body: &str,
    ndjson: bool,
    size: usize,
) -> Result<Vec<String>, String> {
    let transcoder = transcoder();
    let binding = transcoder.find(Method::Post, path).unwrap();
    assert!(binding.is_client_streaming());
    let mut stream = transcoder.stream(binding, path, query, ndjson).map_err(|error| error.to_string())?;
    let mut messages = Vec::new();
    let mut fed = Ok(());
    for piece in body.as_bytes().chunks(size) {
        fed = fed.and_then(|()| stream.feed(piece, &mut messages));
    }
    fed.and_then(|()| stream.finish(&mut messages)).map_err(|error| error.to_string())?;
    Ok(messages.iter().map(|message| json(binding, message)).collect())
}

#[test]
fn streams_are_lists_or_lines() {
    let first = r#"{"pages":"1","shelf":"s"}"#;
    let second = r#"{"name":"]\"["}"#;
    for (path, query, body, ndjson, messages) in [
        ("/v1/s:upload", None, r#"[{"pages":1},{"name":"]\"["}]"#, false, vec![first, second]),
        ("/v1/s:upload", None, "{\"pages\":1}\r\n\n{\"name\":\"]\\\"[\"}", true, vec![first, second]),
        ("/v1/s:upload", None, "{\n\"pages\":1}", false, vec![first]),
        ("/v1/s:upload", None, "[]", false, vec![]),
        ("/v1/s:upload", None, "", false, vec![]),
        (
            "/v1/place",
            Some("fresh=true"),
            r#"[{"name":"A"},{}]"#,
            false,
            vec![r#"{"author":{"name":"A"},"fresh":true}"#, r#"{"author":{}}"#],
        ),
        ("/v1/empty/s", None, "", false, vec![r#"{"shelf":"s"}"#]),
        ("/v1/empty/s", None, "{}", false, vec![r#"{"shelf":"s"}"#]),
    ] {
        for size in [1, 2, 3, 100] {
            let messages: Vec<String> = messages.iter().map(|&json| json.to_owned()).collect();
            assert_eq!(streamed(path, query, body, ndjson, size), Ok(messages), "{path} {body} {size}");
        }
    }
    for (body, ndjson, told) in [
        ("[{},{\"pages\":\"x\"}]", false, "body /1/pages: wanted an integer of 64 bits, found \"x\""),
        ("[{},]", false, "body /1: wanted a message"),
        ("[{}", false, "body: the list of messages does not end"),
        ("[{}]{}", false, "body: there is more behind the list of messages"),
        ("{}\n[]", true, "body /1: wanted an object, found a list"),
        ("{}{}", false, "body: malformed JSON at byte 2: there is more behind the value"),
    ] {
        for size in [1, 100] {
            assert_eq!(streamed("/v1/s:upload", None, body, ndjson, size), Err(told.to_owned()), "{body}");
        }
    }
    assert!(streamed("/v1/s:upload", Some("x=1"), "", false, 1).is_err());
}
