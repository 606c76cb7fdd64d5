//! Heads for tests.

use maitred_http::{Fields, Method, PathRules, RequestHead, ResponseHead};

/// Names and values of fields.
pub(crate) type Lines<'a> = &'a [(&'a str, &'a str)];

pub(crate) fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    fields
}

pub(crate) fn request(line: &str, lines: &[(&str, &str)]) -> RequestHead {
    let (method, target) = line.split_once(' ').expect("the test gives METHOD TARGET");
    let method = Method::parse(method.as_bytes()).expect("the test names a method");
    let mut request = RequestHead { method, fields: fields(lines), ..RequestHead::default() };
    request.target.parse(target.as_bytes(), PathRules::Raw).expect("the test names a target");
    request
}

pub(crate) fn response(status: u16, lines: &[(&str, &str)]) -> ResponseHead {
    ResponseHead { status, fields: fields(lines), ..ResponseHead::default() }
}
