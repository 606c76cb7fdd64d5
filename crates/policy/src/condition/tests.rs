//! Conditions from their text to their result, and what is said of mistakes.

use maitred_http::ResponseHead;
use proptest::prelude::*;

use super::*;
use crate::values::testing::Sample;

fn sample() -> Sample {
    Sample::new("POST /orders/a%20b?x=1&list=a%2Cb")
        .field("Host", "api.example.com")
        .field("X-Role", "admin")
        .field("X-Count", "12")
        .field("x-twice", "a")
        .field("X-Twice", "b")
        .field("X-Bytes", "\u{fffd}")
        .field("Accept", "text/html")
        .field("Cookie", "ab=B")
        .param("id", "a%20b")
}

fn evaluate(text: &str) -> Result<bool, Undecided> {
    let condition =
        Condition::compile(text, Available::Request).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    condition.evaluate(&sample().view())
}

fn refused(text: &str) -> String {
    match Condition::compile(text, Available::Request) {
        Ok(_) => panic!("{text} is taken"),
        Err(problem) => format!("{} | {problem}", text.get(problem.at.clone()).unwrap_or("outside")),
    }
}

#[test]
fn conditions_over_all_values_hold() {
    for text in [
        r#"header["X-Role"] == "admin""#,
        r#"header["x-role"] == "admin""#,
        r#"header.accept == "text/html""#,
        r#"header["x-twice"] == "a, b""#,
        r#"request.method == "POST" && request.host == "api.example.com""#,
        r#"request.method in ["POST", "PUT"]"#,
        r#"request.path.startsWith("/orders/") && request.path.endsWith("b")"#,
        r#"request.query.contains("x=1")"#,
        r#"query.x == "1" && query.list == "a,b""#,
        r#"cookie["ab"] == "B""#,
        r#"path.id == "a b""#,
        r#"client.ip == "192.0.2.7""#,
        r#"cidr("192.0.2.0/24").containsIP(client.ip)"#,
        r#"!cidr("10.0.0.0/8").containsIP(client.ip)"#,
        r#"route == "orders""#,
        r#"request.id.matches("^the-[a-z]+$") && matches(request.id, "id")"#,
        r#"now > "2026-11-21T00:00:00Z""#,
        r#"int(header["X-Count"]) > 10 && double(header["X-Count"]) < 12.5"#,
        r#"size(header["X-Role"]) == 5 && header["X-Role"].size() == 5"#,
        r#""X-Role" in header && "x" in query && "ab" in cookie && "id" in path"#,
        r#"!("X-None" in header) && !("y" in query) && !("sub" in claim)"#,
        "has(header.accept) && !has(header.none)",
        r#"consumer.name == "" && consumer.plan == "" && !("a" in consumer.groups)"#,
        "!consumer.groups.exists(g, g == \"a\") && size(consumer.groups) == 0",
        r#"["a", "b"].exists(x, x == (header["x-twice"].matches("^a") ? "b" : "c"))"#,
        r#"["admin", "ops"].exists(role, role == header["X-Role"])"#,
        r#"["admin"].all(header, header == "admin")"#,
        r#"{"admin": 1}[header["X-Role"]] == 1"#,
        r#"(request.method == "GET" ? 1 : 2) + 3 == 5"#,
        r#"string(5) + "x" == "5x" && bool("true")"#,
        "true",
    ] {
        assert_eq!(evaluate(text), Ok(true), "{text}");
    }
}

#[test]
fn a_missing_value_leaves_it_open() {
    let missing = |name: &str| Err(Undecided::Missing(Missing(name.to_owned())));
    for (text, result) in [
        (r#"header["X-None"] == "a""#, missing("header.X-None")),
        (r#"!(header["X-None"] == "a")"#, missing("header.X-None")),
        (r#"claim.sub != "a""#, missing("claim.sub")),
        (r#""admin" in claim.realm_access.roles"#, missing("claim.realm_access.roles")),
        (r#"claim["cognito:groups"].exists(g, g == "a")"#, missing("claim[\"cognito:groups\"]")),
        (r#"query.none == "a" && header["X-Role"] == "admin""#, missing("query.none")),
        // What decides the whole decides it, missing values or not.
        (r#"query.none == "a" || header["X-Role"] == "admin""#, Ok(true)),
        (r#"header["X-Role"] == "admin" || query.none == "a""#, Ok(true)),
        (r#"query.none == "a" && header["X-Role"] == "x""#, Ok(false)),
        (r#"has(query.none) && query.none == "a""#, Ok(false)),
        (r#"{"a": true}[header["X-Role"]]"#, missing("a key of a map")),
    ] {
        assert_eq!(evaluate(text), result, "{text}");
    }
}

#[test]
fn when_and_require_read_it_differently() {
    let sample = sample();
    let compile = |text| Condition::compile(text, Available::Request).unwrap();
    let touches = compile(r#"header["X-None"] != "a""#);
    assert!(!touches.holds_when(&sample.view()));
    let missing = touches.holds_require(&sample.view()).unwrap_err();
    assert_eq!(missing.to_string(), "header.X-None is missing");

    let fails = compile(r#"int(header["X-Role"]) > 1"#);
    assert!(!fails.holds_when(&sample.view()));
    assert_eq!(fails.holds_require(&sample.view()), Ok(false));
    // The reason says nothing of what the client sent.
    assert_eq!(
        fails.evaluate(&sample.view()),
        Err(Undecided::Failed("`int` cannot take this value".to_owned()))
    );
}

#[test]
fn claims_are_what_the_token_says() {
    let mut sample = sample();
    let claims = serde_json::json!({
        "sub": "u-17", "age": 18, "share": 0.5, "beta": true, "roles": ["admin", "staff"], "limits": { "day": 5 },
        "large": u64::MAX, "https://example.com/teams": ["a"], "orgs": [{ "id": 1 }, { "id": 2 }], "nothing": null,
    });
    let serde_json::Value::Object(all) = claims else { panic!("an object") };
    let plan = Some("gold".into());
    sample.facts.claims = Some(std::rc::Rc::new(crate::identity::Claims { plan, all, ..Default::default() }));
    let evaluate =
        |text: &str| Condition::compile(text, Available::Request).unwrap().evaluate(&sample.view());
    for text in [
        r#"claim.sub == "u-17" && claim.sub.startsWith("u-")"#,
        "claim.age >= 18 && claim.age + 1 == 19 && claim.share < 1.0 && claim.beta",
        r#""admin" in claim.roles && !("x" in claim.roles) && size(claim.roles) == 2 && claim.roles[1] == "staff""#,
        r#"claim.roles.exists(r, r.startsWith("sta"))"#,
        r#"claim.limits.day == 5 && claim.limits == {"day": 5} && "day" in claim.limits"#,
        r#"claim["https://example.com/teams"] == ["a"]"#,
        "claim.orgs.all(o, o.id > 0) && claim.orgs[1].id == 2",
        "claim.large > 1u",
        r#"has(claim.sub) && "age" in claim && !("nothing" in claim) && !has(claim.none)"#,
        r#"consumer.plan == "gold""#,
    ] {
        assert_eq!(evaluate(text), Ok(true), "{text}");
    }
    assert!(evaluate("claim.sub > 5").is_err());
    assert_eq!(evaluate("claim.none == 1"), Err(Undecided::Missing(Missing("claim.none".to_owned()))));
}

#[test]
fn the_response_is_known_on_the_way_up() {
    let sample = sample();
    let response = ResponseHead { status: 503, ..ResponseHead::default() };
    let condition =
        Condition::compile("response.status >= 500 && response.status != 501", Available::Response).unwrap();
    assert!(condition.holds_when(&View::of_response(&response, &sample.request, &sample.facts)));
    assert!(!condition.holds_when(&sample.view()));
}

#[test]
fn bytes_that_are_no_text_are_readable() {
    let mut sample = Sample::new("GET /");
    sample.request.fields.append_bytes(b"X-Bytes", b"a\xffb");
    let condition = Condition::compile("header[\"X-Bytes\"] == \"a\u{fffd}b\"", Available::Request).unwrap();
    assert!(condition.holds_when(&sample.view()));
}

#[test]
fn names_that_are_none_are_told() {
    for (text, told) in [
        ("", " | a condition is missing here (write it like `header[\"X-A\"] == \"b\"`)"),
        ("heder.x == \"a\"", "heder.x | `heder.x` is not a value (write `header.x`)"),
        (
            "request.methd == \"GET\"",
            "request.methd | `request.methd` is not a value (write `request.method`)",
        ),
        ("method == \"GET\"", "method | `method` is not a value (write `request.method`)"),
        (
            "header.X-User-ID == \"a\"",
            "header.X-User-ID | `header.X-User-ID` subtracts here (write `header[\"X-User-ID\"]`)",
        ),
        ("é == header.X-A", "é | `é` cannot stand here"),
        ("\"é\" == header.X-A", "header.X-A | `header.X-A` subtracts here (write `header[\"X-A\"]`)"),
        (
            "header == \"a\"",
            "header | `header` can only be asked for one key (write `header[\"name\"]`, or `\"name\" in header` to ask whether it is there)",
        ),
        (
            "header.exists(h, h == \"a\")",
            "header | `header` can only be asked for one key (write `header[\"name\"]`, or `\"name\" in header` to ask whether it is there)",
        ),
        (
            "header[query.x] == \"a\"",
            "header[query.x] | what stands in the brackets of `header` has to be written out (write a text in quotes: `header[\"name\"]`)",
        ),
        (
            "response.status == 200",
            "response.status | `response.status` is not known before there is a response",
        ),
        ("body.a == 1", "body.a | `body.a` cannot be used here, bodies are not read"),
    ] {
        assert_eq!(refused(text), told, "{text}");
    }
}

#[test]
fn mistakes_are_told_with_their_place_and_a_way_out() {
    for (text, told) in [
        ("request.method = \"GET\"", "= | `=` is no operator here (write `==`)"),
        ("query.a == \"1\" and query.b == \"2\"", "and | `and` is no operator here (write `&&`)"),
        ("query.a == \"1", "\"1 | this text is not closed"),
        ("query.a ==", " | something is missing at the end"),
        ("(query.a == \"1\"", " | `)` is missing at the end"),
        ("query.a == \"1\" query.b", "query | `query` cannot stand here"),
        ("{query.a}", "{query.a} | values stand without braces in a condition (write `query.a`)"),
        (
            "has(header[\"X-A\"])",
            "[ | `has` takes a name with a dot (write `has(header.accept)`, or `\"X-A\" in header`)",
        ),
        (
            "request.method",
            "request.method | a condition is true or false, this is a text (compare it with something: `… == …`)",
        ),
        ("header[\"X-N\"] > 5", "> | `>` cannot take a text and a number; `int(…)` makes a number of a text"),
        ("query.a == 5", "== | a text is never equal to a number"),
        ("query.a == null", "== | nothing is ever null here; `\"name\" in header` asks whether it is there"),
        ("\"a\" in query.list", "in | `in` is for lists; write `text.contains(…)` for a text"),
        ("query.a && true", "&& | `&&` cannot take a text and true or false"),
        ("query.a.startWith(\"a\")", "startWith | `startWith` is not a function (write `startsWith`)"),
        ("query.a.startsWith(5)", "startsWith | `startsWith` takes a text of a text, not a number of a text"),
        ("query.a.lower() == \"a\"", "lower | `lower` is not a function"),
        ("size(5) == 1", "size | `size` has no meaning for a number"),
        ("query.a.matches(query.b)", "query.b | the pattern has to be a text in quotes"),
        ("query.a.matches(\"(\")", "\"(\" | this is no pattern: unclosed group"),
        ("cidr(query.a).containsIP(client.ip)", "query.a | the network has to be a text in quotes"),
        ("cidr(\"10.0.0.0/8\") == client.ip", "== | a network is never equal to a text"),
        (
            "client.ip.containsIP(\"10.0.0.1\")",
            "containsIP | `containsIP` is called so: `cidr(\"10.0.0.0/8\").containsIP(client.ip)`",
        ),
        ("Foo{a: 1} == 1", "{ | messages cannot be made here"),
        ("request.path.exists(c, c == \"a\")", "request.path | this goes over a list, not over a text"),
        ("query.a\n  == 'x' or true", "or | `or` is no operator here (write `||`)"),
    ] {
        assert_eq!(refused(text), told, "{text}");
    }
}

#[test]
fn what_would_need_a_deep_stack_is_refused() {
    let deep = "the condition is nested too deeply";
    for text in [
        "(".repeat(33) + "true" + &")".repeat(33),
        vec!["1"; 100].join("+") + " == 100",
        "query.a".to_owned() + &"? true : query.a".repeat(100),
        "request.path".to_owned() + &".a".repeat(100),
        "query.a".to_owned() + &".size()".repeat(100) + " == 1",
    ] {
        let problem = Condition::compile(&text, Available::Request).unwrap_err();
        assert_eq!(problem.message, deep, "{text}");
    }
    let long = format!("query.a == \"{}\"", "x".repeat(5000));
    assert_eq!(
        Condition::compile(&long, Available::Request).unwrap_err().message,
        "a condition has at most 4096 bytes"
    );
    // What is taken can also be evaluated on the stack of a worker.
    for text in [
        "(".repeat(32) + "true" + &")".repeat(32),
        vec!["1"; 30].join("+") + " == 30",
        vec!["query.x == \"1\""; 200].join(" && "),
    ] {
        assert_eq!(evaluate(&text), Ok(true), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_panics(text in "\\PC*|([a-z.\"'()\\[\\]{}?:&|!=<>0-9 +-]|header|query\\.a|in|==|&&|matches|cidr|has|exists|\"a\"){0,24}") {
        if let Ok(condition) = Condition::compile(&text, Available::Request) {
            let _ = condition.evaluate(&sample().view());
        } else {
            let problem = Condition::compile(&text, Available::Request).unwrap_err();
            prop_assert!(text.get(problem.at).is_some(), "{:?}", problem.message);
            prop_assert!(!problem.message.contains("could not be parsed"));
        }
    }
}

#[test]
fn the_page_about_conditions_lists_every_function() {
    let page = include_str!("../../../../docs/values.md");
    for (call, gives) in FUNCTIONS {
        let row = format!("| `{call}` | {gives} |");
        assert!(page.contains(&row), "docs/values.md has no row {row}");
    }
}
