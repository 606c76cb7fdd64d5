//! Which annotations are taken, and what is told of the others.

use super::*;

fn problems(methods: &str) -> Vec<String> {
    let source = format!(
        "syntax = 'proto3'; package t; import 'google/api/annotations.proto'; import 'google/protobuf/wrappers.proto';
        import 'google/protobuf/struct.proto';
        message In {{ string a = 1; repeated string list = 2; In in = 3; map<string, string> map = 4; google.protobuf.StringValue w = 5;
            google.protobuf.Struct s = 6; oneof o {{ string x = 7; string y = 8; }} repeated In ins = 9; }}
        service S {{ {methods} }}"
    );
    match Transcoder::new(&load(&source), TranscoderOptions::default()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn problem(rule: &str) -> String {
    let mut problems =
        problems(&format!("rpc M(In) returns (In) {{ option (google.api.http) = {{ {rule} }}; }}"));
    assert_eq!(problems.len(), 1, "{rule}: {problems:?}");
    let problem = problems.remove(0);
    problem.strip_prefix("t.S.M: ").unwrap_or_else(|| panic!("{problem}")).to_owned()
}

#[test]
fn annotations_must_fit_their_messages() {
    for (rule, told) in [
        ("body: '*'", "the annotation has no path"),
        ("get: 'v1'", "the path \"v1\", byte 0: a template begins with `/`"),
        ("get: '/{b}'", "the variable {b}: message t.In has no field \"b\""),
        ("get: '/{in}'", "the variable {in}: field \"in\" is a message and cannot be given as a text"),
        ("get: '/{s}'", "the variable {s}: field \"s\" is a message and cannot be given as a text"),
        ("get: '/{list}'", "the variable {list}: a path has no room for a list"),
        ("get: '/{map}'", "the variable {map}: field \"map\" is a message and cannot be given as a text"),
        ("get: '/{map.key}'", "the variable {map.key}: field \"map\" has no fields"),
        ("get: '/{ins.a}'", "the variable {ins.a}: field \"ins\" has no fields"),
        ("get: '/{a.b}'", "the variable {a.b}: field \"a\" has no fields"),
        ("get: '/{w}/{w.value}'", "the variable {w.value}: the field is given twice"),
        (
            "get: '/{x}/{y}'",
            "the variable {y}: another member of the same oneof is given, and only one of both is kept",
        ),
        ("post: '/a' body: 'b'", "body: message t.In has no field \"b\""),
        ("post: '/a' body: 'in.a'", "body: message t.In has no field \"in.a\""),
        ("get: '/a' response_body: 'b'", "response_body: message t.In has no field \"b\""),
        ("custom { kind: 'A B' path: '/a' }", "\"A B\" is no method of HTTP"),
        (
            "get: '/a' additional_bindings { get: '/b' additional_bindings { get: '/c' } }",
            "additional_bindings must not have additional_bindings",
        ),
        ("get: '/a/{a}' additional_bindings { get: '/{x=a/*}' }", "GET /{x=a/*} is bound to /t.S/M as well"),
    ] {
        assert_eq!(problem(rule), told, "{rule}");
    }
}

#[test]
fn conflicts_are_told_all_at_once() {
    let told = problems(
        "rpc A(In) returns (In) { option (google.api.http) = { get: '/v1/{a}' }; }
         rpc B(In) returns (In) { option (google.api.http) = { get: '/v1/{x}' }; }
         rpc C(In) returns (In) { option (google.api.http) = { post: '/t.S/D' body: '*' }; }
         rpc D(In) returns (In) { option (google.api.http) = { get: '/v1/' }; }",
    );
    assert_eq!(
        told,
        [
            "t.S.B: GET /v1/{x=*} is bound to /t.S/A as well",
            "t.S.D: the path \"/v1/\", byte 4: wanted a segment: text, `*`, `**` or a variable",
            "t.S.D: POST /t.S/D is bound to /t.S/C as well",
        ]
    );
}

#[test]
fn a_method_may_name_its_own_path() {
    let told =
        problems("rpc A(In) returns (In) { option (google.api.http) = { post: '/t.S/A' body: 'in' }; }");
    assert_eq!(told, [""; 0]);
}

#[test]
fn services_can_be_chosen() {
    let of = |names: &[&str]| {
        let services = names.iter().map(|&name| name.to_owned()).collect();
        Transcoder::new(&load(SOURCE), TranscoderOptions { services, ..TranscoderOptions::default() })
    };
    let second = of(&["t.Second"]).unwrap();
    assert_eq!(second.bindings().map(Binding::rpc_path).collect::<Vec<_>>(), ["/t.Second/Get"]);
    assert!(second.find(Method::Get, "/v1/best").is_none());
    let problems = of(&["t.Third", "t.Second"]).unwrap_err();
    assert_eq!(problems, [BindingProblem::new("t.Third", "there is no such service")]);
}

#[test]
fn bindings_tell_what_they_are() {
    let transcoder = transcoder();
    let binding = transcoder.find(Method::Patch, "/v1/shelves/1/books/2").unwrap();
    assert_eq!(binding.to_string(), "PATCH /v1/{name=shelves/*/books/*}");
    assert_eq!(binding.rpc_path(), "/t.Library/Patch");
    assert!(binding.takes_body());
    assert!(!transcoder.find(Method::Get, "/v1/best").unwrap().takes_body());
    assert!(transcoder.find(Method::Post, "/v1/best").is_none());
    let report = Method::parse(b"REPORT").unwrap();
    assert_eq!(transcoder.allowed("/v1/best"), [Method::Get, Method::Head, report]);
    assert_eq!(transcoder.allowed("/t.Library/Plain"), [Method::Post]);
    assert_eq!(transcoder.allowed("/nothing"), []);
}

#[test]
fn annotations_are_found_without_their_own_file() {
    // As reflection and small sets bring them: an option that nobody declares.
    let set = load(SOURCE).pool().encode_to_vec();
    let transcoder =
        Transcoder::new(&Descriptors::from_set(&set).unwrap(), TranscoderOptions::default()).unwrap();
    assert!(transcoder.find(Method::Get, "/v1/best").is_some());
}
