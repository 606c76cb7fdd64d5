//! Texts with values: what they say, how they are written back, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::scalar::table::{assert_no_panic, assert_refused};
use crate::scalar::value_name::tests::any_value;

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn value(name: &str) -> Part {
    Part::Value { name: value_name::parse(name).unwrap(), default: None }
}

fn value_or(name: &str, default: &str) -> Part {
    Part::Value { name: value_name::parse(name).unwrap(), default: Some(default.to_owned()) }
}

fn any_template() -> impl Strategy<Value = Template> {
    let part = prop_oneof![
        "\\PC{1,6}|[{}]{1,4}".prop_map(Part::Text),
        (any_value(), prop::option::of("[^{}]{0,5}"))
            .prop_map(|(name, default)| Part::Value { name, default }),
    ];
    prop::collection::vec(part, 0..5).prop_map(|parts| {
        let mut template = Template::default();
        for part in parts {
            match part {
                Part::Text(text) => template.push_text(&text),
                value @ Part::Value { .. } => template.parts.push(value),
            }
        }
        template
    })
}

#[test]
fn reads_texts_and_values() {
    for (written, parts) in [
        ("", vec![]),
        ("plain", vec![text("plain")]),
        ("/users/{query.user_id}", vec![text("/users/"), value("query.user_id")]),
        (
            "/users/{query.user_id}/orders?limit=5",
            vec![text("/users/"), value("query.user_id"), text("/orders?limit=5")],
        ),
        ("{body}", vec![value("body")]),
        ("{path.a}{path.b}", vec![value("path.a"), value("path.b")]),
        ("{claim.tenant:-public}", vec![value_or("claim.tenant", "public")]),
        ("{claim.tenant:-}", vec![value_or("claim.tenant", "")]),
        ("{claim.tenant:-a:-b \"c\"}", vec![value_or("claim.tenant", "a:-b \"c\"")]),
        ("{header.API-Version:-v2}", vec![value_or("header.API-Version", "v2")]),
        ("{claim[\"cognito:groups\"]}", vec![value("claim[\"cognito:groups\"]")]),
        ("{claim[\"a}b{\"]}", vec![value("claim[\"a}b{\"]")]),
        ("é{now}é", vec![text("é"), value("now"), text("é")]),
        ("costs $5 and 10%", vec![text("costs $5 and 10%")]),
    ] {
        let template = Template { parts };
        assert_eq!(parse(written), Ok(template.clone()), "{written}");
        assert_eq!(template.to_string(), written);
    }
}

#[test]
fn reads_literal_braces() {
    for (written, parts, back) in [
        ("{{", vec![text("{")], "{{"),
        ("}}", vec![text("}")], "}}"),
        ("{{id}}", vec![text("{id}")], "{{id}}"),
        ("{{id}", vec![text("{id}")], "{{id}}"),
        ("{{{{", vec![text("{{")], "{{{{"),
        ("{{{now}}}", vec![text("{"), value("now"), text("}")], "{{{now}}}"),
        ("{{\"at\":\"{now}\"}", vec![text("{\"at\":\""), value("now"), text("\"}")], "{{\"at\":\"{now}\"}}"),
        ("a{{b}c}}", vec![text("a{b}c}")], "a{{b}}c}}"),
    ] {
        let template = Template { parts };
        assert_eq!(parse(written), Ok(template.clone()), "{written}");
        assert_eq!(template.to_string(), back);
    }
}

#[test]
fn tells_what_it_needs() {
    let template = parse("{claim.sub} {parts.user.id} {now}").unwrap();
    for (source, wanted) in
        [(Source::Identity, true), (Source::Parts, true), (Source::Clock, true), (Source::Body, false)]
    {
        assert_eq!(template.needs(source), wanted, "{source:?}");
    }
    assert!(parse("text").unwrap().sources().is_empty());
    assert_eq!(template.names().count(), 3);
}

#[test]
fn tells_single_values_and_literals() {
    for (text, single, literal) in [
        ("{body}", true, None),
        ("{body:-x}", true, None),
        (" {body}", false, None),
        ("{body}{body}", false, None),
        ("a{{b", false, Some("a{b")),
        ("", false, Some("")),
    ] {
        let template = parse(text).unwrap();
        assert_eq!((template.is_single_value(), template.literal()), (single, literal), "{text}");
    }
}

#[test]
fn refuses_with_a_way_out() {
    let close = "write `}` behind the value; a literal brace is doubled: `{{`";
    let double = "a literal brace is doubled: `{{`";
    assert_refused(
        parse,
        &[
            ("claim.sub}", "}", "`}` closes nothing (a literal brace is doubled: `}}`)"),
            ("{claim.sub}}", "}", "`}` closes nothing (a literal brace is doubled: `}}`)"),
            ("a {", "{", &format!("this brace is not closed ({close})")),
            ("a {now", "{", &format!("this brace is not closed ({close})")),
            ("{now{", "{", &format!("this brace is not closed ({close})")),
            ("{now:-x", "{", &format!("this brace is not closed ({close})")),
            ("{now:-{route}}", "{", "a default has no braces in it"),
            ("{}", "{}", "`{}` names no value (a literal brace is doubled: `{{}}`)"),
            ("{ }", "{", &format!("`{{` begins the name of a value ({double})")),
            ("{\"a\": 1}", "{", &format!("`{{` begins the name of a value ({double})")),
            (
                "{ claim.sub }",
                " ",
                &format!("a space stands before the name of a value (write `{{claim.sub}}`; {double})"),
            ),
            (
                "{claim.sub }",
                " ",
                "` ` cannot stand behind `claim.sub` (write `{claim.sub}`, with a default `{claim.sub:-none}`)",
            ),
            (
                "{claim.sub:x}",
                ":",
                "`:` cannot stand behind `claim.sub` (write `{claim.sub}`, with a default `{claim.sub:-none}`)",
            ),
            (
                "{claim.sub|x}",
                "|",
                "`|` cannot stand behind `claim.sub` (write `{claim.sub}`, with a default `{claim.sub:-none}`)",
            ),
            ("{claim.é}", "é", "`é` is no name (write a name that has such signs in brackets: `[\"…\"]`)"),
            ("a {headers.X-A}", "headers.X-A", "`headers.X-A` is not a value (write `header.X-A`)"),
            ("{$remote_addr}", "$remote_addr", "`$remote_addr` is not a value (write `client.ip`)"),
            ("x{$host", "$host", "`$host` is not a value (write `request.host`)"),
        ],
    );
}

#[test]
fn refuses_unknown_names_with_the_list() {
    let problem = parse("/x/{qqq}").unwrap_err();
    assert_eq!((problem.message.as_str(), problem.at), ("`qqq` is not a value", 4..7));
    assert!(problem.help.unwrap().starts_with("the values are `request.id`"));
}

#[test]
fn suspects_variables_of_nginx() {
    let found = suspicions("é$host costs $5: $http_x_a, $hosts");
    let shown: Vec<_> = found.iter().map(|problem| (problem.at.clone(), problem.to_string())).collect();
    assert_eq!(
        shown,
        [
            (
                2..7,
                "`$host` is plain text here, no variable (write `{request.host}` for the value)".to_owned()
            ),
            (
                18..27,
                "`$http_x_a` is plain text here, no variable (write `{header.x-a}` for the value)".to_owned()
            ),
        ]
    );
}

proptest! {
    #[test]
    fn reads_back_what_it_writes(template in any_template()) {
        prop_assert_eq!(parse(&template.to_string()), Ok(template));
    }

    #[test]
    fn never_panics(text in "\\PC*|([{}]{0,2}[a-z$. :\\[\"é-]{0,5}|\\{(now|claim.a)){0,4}") {
        assert_no_panic(parse, &text);
        suspicions(&text);
    }
}
