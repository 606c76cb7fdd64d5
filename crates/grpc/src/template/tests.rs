//! What is a template and what is not, and the values that it finds.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn values(template: &str, path: &str) -> Vec<(String, Option<String>)> {
    let template = PathTemplate::parse(template).unwrap();
    template.values(path).map(|(name, value)| (name.to_owned(), value.map(Cow::into_owned))).collect()
}

fn value(template: &str, path: &str) -> String {
    let mut values = values(template, path);
    assert_eq!(values.len(), 1);
    values.pop().unwrap().1.unwrap()
}

#[test]
fn takes_what_the_grammar_has() {
    for (text, long) in [
        ("/", "/"),
        ("/v1", "/v1"),
        ("/v1/*/x/**", "/v1/*/x/**"),
        ("/v1/{a}", "/v1/{a=*}"),
        ("/v1/{a.b_1.C=*}/{d}:verb", "/v1/{a.b_1.C=*}/{d=*}:verb"),
        ("/v1/{a=b/*/c/**}", "/v1/{a=b/*/c/**}"),
        ("/{a=**}:v", "/{a=**}:v"),
        ("/v1/{a=operations}", "/v1/{a=operations}"),
        ("/v1/a%3Ab~%7e", "/v1/a%3Ab~~"),
        ("/ü/$x@y", "/%C3%BC/%24x%40y"),
    ] {
        let template = PathTemplate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(template.to_string(), long);
        assert_eq!(PathTemplate::parse(long), Ok(template));
    }
}

#[test]
fn tells_where_a_template_is_wrong() {
    for (text, at) in [
        ("", 0),
        ("v1", 0),
        ("//", 1),
        ("/v1/", 4),
        ("/v1//x", 4),
        ("/{", 2),
        ("/{a", 3),
        ("/{a=", 4),
        ("/{a=}", 4),
        ("/{}", 2),
        ("/{a.}", 4),
        ("/{1a}", 2),
        ("/{a-b}", 3),
        ("/{a={b}}", 4),
        ("/{a}{b}", 4),
        ("/{a}b", 4),
        ("/a{b}", 2),
        ("/*a", 2),
        ("/***", 3),
        ("/**/a", 5),
        ("/{a=**}/b", 9),
        ("/{a}/{a}", 8),
        ("/a:", 3),
        ("/a:b:c", 4),
        ("/a:b/c", 4),
        ("/a:*", 3),
        ("/a?b", 2),
        ("/a b", 2),
        ("/a%2", 1),
        ("/a%zz", 1),
        ("/a}", 2),
    ] {
        let error = PathTemplate::parse(text).expect_err(text);
        assert_eq!(error.at, at, "{text}: {error}");
    }
    assert!(PathTemplate::parse(&"/a".repeat(3000)).is_err());
}

#[test]
fn finds_values() {
    assert_eq!(value("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/books/2"), "shelves/1/books/2");
    assert_eq!(value("/v1/{name=shelves/*}/books", "/v1/shelves/1/books"), "shelves/1");
    assert_eq!(value("/v1/{name=shelves/**}:read", "/v1/shelves/1/2:3:read"), "shelves/1/2:3");
    assert_eq!(value("/v1/{name=shelves/**}", "/v1/shelves"), "shelves");
    assert_eq!(value("/v1/{name=**}", "/v1"), "");
    assert_eq!(value("/v1/{name=**}", "/v1/"), "");
    assert_eq!(value("/v1/{name=**}", "/v1/a//b/"), "a//b/");
    assert_eq!(value("/{name}", "/a:b"), "a:b");
    assert_eq!(
        values("/{a}/x/{b.c=*}/{d=**}", "/1/x/2/3/4"),
        [("a", "1"), ("b.c", "2"), ("d", "3/4")]
            .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
    );
}

#[test]
fn slashes_stay_encoded_in_values_of_several_segments() {
    assert_eq!(value("/{a}", "/x%2Fy%20z%C3%BC"), "x/y zü");
    assert_eq!(value("/{a=**}", "/x%2fy%20z/%C3%BC%2F"), "x%2fy z/ü%2F");
    assert_eq!(values("/{a}", "/%ff"), [("a".to_owned(), None)]);
    assert_eq!(values("/{a=**}", "/%c3%2f%bc"), [("a".to_owned(), None)]);
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "[/a{}=*.:%2ü_]{0,16}") {
        if let Ok(template) = PathTemplate::parse(&format!("/{text}")) {
            prop_assert_eq!(PathTemplate::parse(&template.to_string()), Ok(template));
        }
    }

    #[test]
    fn values_come_back_from_a_path(segments in vec("[a-z /%:ü~]{1,5}", 1..4), rest in vec("[a-z :ü]{0,4}", 0..3)) {
        let mut template = String::new();
        let mut path = String::new();
        for (at, segment) in segments.iter().enumerate() {
            template = template + "/{v" + &at.to_string() + "}";
            path.push('/');
            maitred_http::push_percent_encoded(&mut path, segment.as_bytes());
        }
        template.push_str("/x/{rest=**}");
        path.push_str("/x");
        for segment in &rest {
            path.push('/');
            maitred_http::push_percent_encoded(&mut path, segment.as_bytes());
        }
        let mut expected = segments;
        expected.push(rest.join("/"));
        let found: Vec<String> = values(&template, &path).into_iter().map(|(_, value)| value.unwrap()).collect();
        prop_assert_eq!(found, expected);
    }
}
