//! Names that are read, names that are refused, and what is said of them.

use proptest::prelude::*;

use super::*;
use crate::scalar::table::{assert_no_panic, assert_refused};

fn path(names: &[&str]) -> FieldPath {
    FieldPath(names.iter().map(|&name| name.to_owned()).collect())
}

/// Any value, with any names that it may have.
pub(in crate::scalar) fn any_value() -> impl Strategy<Value = ValueName> {
    let token = "[-!#$%&'*+.^_`|~0-9A-Za-z]{1,8}";
    let name = "[a-z][a-z0-9_-]{0,6}|\\PC{1,6}|[\"'\\\\{}\\]]{1,3}";
    let fields = prop::collection::vec(name, 0..3).prop_map(FieldPath);
    prop_oneof![
        (0..FIXED.len()).prop_map(|index| FIXED[index].1.clone()),
        token.prop_map(ValueName::Header),
        token.prop_map(ValueName::Cookie),
        name.prop_map(ValueName::Query),
        name.prop_map(ValueName::Path),
        prop::collection::vec(name, 1..3).prop_map(|names| ValueName::Claim(FieldPath(names))),
        fields.clone().prop_map(ValueName::Body),
        (name, fields).prop_map(|(part, field)| ValueName::Part { part, field }),
    ]
}

#[test]
fn reads_and_writes_every_value() {
    for (text, value) in FIXED {
        assert_eq!(parse(text), Ok(value.clone()), "{text}");
        assert_eq!(value.to_string(), text);
    }
    let own = str::to_owned;
    for (text, value, written) in [
        ("header.X-User-ID", ValueName::Header(own("X-User-ID")), "header.X-User-ID"),
        ("header[\"X-A\"]", ValueName::Header(own("X-A")), "header.X-A"),
        ("header['x.y']", ValueName::Header(own("x.y")), "header[\"x.y\"]"),
        ("query.user_id", ValueName::Query(own("user_id")), "query.user_id"),
        ("query[\"filter[name]\"]", ValueName::Query(own("filter[name]")), "query[\"filter[name]\"]"),
        ("cookie.session", ValueName::Cookie(own("session")), "cookie.session"),
        ("path.id", ValueName::Path(own("id")), "path.id"),
        ("claim.sub", ValueName::Claim(path(&["sub"])), "claim.sub"),
        (
            "claim.realm_access.roles",
            ValueName::Claim(path(&["realm_access", "roles"])),
            "claim.realm_access.roles",
        ),
        (
            "claim[\"cognito:groups\"]",
            ValueName::Claim(path(&["cognito:groups"])),
            "claim[\"cognito:groups\"]",
        ),
        ("body", ValueName::Body(path(&[])), "body"),
        ("body.items[0].id", ValueName::Body(path(&["items", "0", "id"])), "body.items.0.id"),
        ("parts.reviews", ValueName::Part { part: own("reviews"), field: path(&[]) }, "parts.reviews"),
        ("parts.user.id", ValueName::Part { part: own("user"), field: path(&["id"]) }, "parts.user.id"),
    ] {
        assert_eq!(parse(text), Ok(value.clone()), "{text}");
        assert_eq!(value.to_string(), written);
    }
}

#[test]
fn tells_where_values_come_from() {
    for (text, source) in [
        ("request.id", Source::Request),
        ("client.ip", Source::Request),
        ("client.certificate", Source::Request),
        ("cookie.a", Source::Request),
        ("path.id", Source::Route),
        ("route", Source::Route),
        ("consumer.plan", Source::Identity),
        ("claim.sub", Source::Identity),
        ("upstream", Source::Upstream),
        ("now", Source::Clock),
        ("body.id", Source::Body),
        ("parts.a", Source::Parts),
        ("response.status", Source::Response),
        ("error.title", Source::Error),
    ] {
        assert_eq!(parse(text).unwrap().source(), source, "{text}");
    }
}

#[test]
fn knows_what_was_meant() {
    for (text, meant) in [
        ("headers.X-A", "header.X-A"),
        ("Header.X-A", "header.X-A"),
        ("hedaer.X-A", "header.X-A"),
        ("request.header.X-A", "header.X-A"),
        ("request.headers['x.y']", "header[\"x.y\"]"),
        ("request.query.page", "query.page"),
        ("request.body.id", "body.id"),
        ("http.method", "request.method"),
        ("request.pth", "request.path"),
        ("request.uri", "request.path"),
        ("REQUEST.ID", "request.id"),
        ("remote_addr", "client.ip"),
        ("client.ipp", "client.ip"),
        ("client.cert", "client.certificate"),
        ("certificate", "client.certificate"),
        ("$ssl_client_s_dn", "client.certificate"),
        ("jwt.sub", "claim.sub"),
        ("claims.tenant.id", "claim.tenant.id"),
        ("params.page", "query.page"),
        ("uri_captures.id", "path.id"),
        ("consumer.username", "consumer.name"),
        ("consumer.tier", "consumer.plan"),
        ("user", "claim.sub"),
        ("part.user", "parts.user"),
        ("boddy", "body"),
        ("timestamp", "now"),
        ("upstraem", "upstream"),
        ("error.message", "error.detail"),
        ("$remote_addr", "client.ip"),
        ("$http_x_user_id", "header.x-user-id"),
        ("$arg_page", "query.page"),
        ("$cookie_srv", "cookie.srv"),
    ] {
        let problem = parse(text).unwrap_err();
        assert_eq!(problem.message, format!("`{text}` is not a value"));
        assert_eq!(problem.help, Some(format!("write `{meant}`")), "{text}");
        assert_eq!(problem.at, 0..text.len());
    }
}

#[test]
fn refuses_with_a_way_out() {
    let signs = "a name that has other signs takes brackets: `claim[\"cognito:groups\"]`";
    assert_refused(
        parse,
        &[
            ("", "", "the name of a value is missing here (write it like `header.X-User-ID`)"),
            ("zzz.q", "zzz.q", &format!("`zzz.q` is not a value ({ALL})")),
            ("$x", "$", &format!("the name of a value is missing here ({ALL})")),
            ("env.HOME", "env.HOME", "`env.HOME` is not a value (the environment is read by `${NAME}`)"),
            ("header", "header", "`header` needs a name (write it like `header.X-User-ID`)"),
            (
                "path",
                "path",
                "`path` needs a name (write `path.id` for a parameter, `request.path` for the whole path)",
            ),
            (
                "query",
                "query",
                "`query` needs a name (write `query.user_id` for a field, `request.query` for the whole query)",
            ),
            ("claim", "claim", "`claim` needs a name (write it like `claim.sub`)"),
            ("header.X.Y", "header.X.Y", "`header.X.Y` has more than one name (write `header[\"X.Y\"]`)"),
            ("header.", "", "a name is missing behind `header.`"),
            ("header[\"\"]", "header[\"\"]", "`header[\"\"]` has an empty name in it"),
            ("claim.a[\"\"]", "claim.a[\"\"]", "`claim.a[\"\"]` has an empty name in it"),
            (
                "header[\"X A\"]",
                "header[\"X A\"]",
                "`X A` is no name of a header: ` ` cannot stand in a header name",
            ),
            (
                "{header.X-A}",
                "{header.X-A}",
                "`{header.X-A}` has braces, a value stands bare here (write `header.X-A`)",
            ),
            ("claim.cognito:groups", ":", &format!("`:` cannot stand in the name of a value ({signs})")),
            ("header.X-A, client.ip", ",", &format!("`,` cannot stand in the name of a value ({signs})")),
            (
                "claim.tenant:-public",
                ":-public",
                "a default cannot stand here, only in text with braces (write `claim.tenant`)",
            ),
        ],
    );
}

proptest! {
    #[test]
    fn reads_back_what_it_writes(value in any_value()) {
        prop_assert_eq!(parse(&value.to_string()), Ok(value));
    }

    #[test]
    fn never_panics(text in "\\PC*|(header|claim|body|request|env|\\$http_)?[a-z.\\[\\]\"'\\\\:é-]{0,10}") {
        assert_no_panic(parse, &text);
    }
}
