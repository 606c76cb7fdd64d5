//! Tables and requests made of any text: nothing panics, and looking a route up in the table comes to the same as
//! comparing all of them.

use maitred_http::{Authority, PathRules, RequestHead, Target};
use maitred_router::{Captures, HostSpec, Outcome, PathSpec, Pattern, RouteSpec, Router, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::words::{Request, request};

fn path_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "/[ab{}*/.%?é-]{0,12}",
        "/(\\{[a-c]\\}|[a-c]|)/(\\{[d-f]\\}|[a-c]|)(/\\*|/\\{\\*r\\}|)",
        "~\\^?/?[ab/.]{0,4}[ab/.()|*+?\\[\\]$^-]{0,8}",
        "~\\^/[ab]/[ab]?([*?+]|\\(\\?<n>[ab]\\)|[ab]\\{2\\}|\\|/b)?",
    ]
}

fn spec() -> impl Strategy<Value = RouteSpec> {
    let hosts = vec("\\*?\\.?[ab]{0,2}\\.?[ab:]?", 0..2);
    (hosts, vec(path_text(), 0..3), -1..2).prop_map(|(hosts, paths, priority)| RouteSpec {
        hosts: hosts.iter().filter_map(|host| HostSpec::parse(host).ok()).collect(),
        paths: paths.iter().filter_map(|path| PathSpec::parse(path).ok()).collect(),
        priority,
        ..RouteSpec::default()
    })
}

fn asked() -> impl Strategy<Value = Request> {
    let path = prop_oneof!["/[ -~]{0,16}", "/[ab/]{0,8}", "\\*"];
    ("[ab.]{0,6}", path).prop_map(|(host, path)| {
        let (mut authority, mut target) = (Authority::default(), Target::default());
        // What is no host or no target leaves an empty one, which is a request too.
        let _ = authority.parse(host.as_bytes());
        let _ = target.parse(path.as_bytes(), PathRules::Raw);
        Request { head: RequestHead { authority, target, ..RequestHead::default() }, ..request("GET /") }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_table_agrees_with_comparing_every_route(
        specs in vec(spec(), 0..10),
        requests in vec(asked(), 8),
    ) {
        // Each with a priority of its own, so that no two are ambiguous.
        let alone = |(at, spec): (i32, RouteSpec)| RouteSpec { priority: 20 * spec.priority + at, ..spec };
        let router = Router::compile((0..).zip(specs).map(alone).collect()).unwrap();
        let mut captures = Captures::default();
        for request in requests {
            let path = request.head.target.path();
            let outcome = router.route(&request.subject(), &mut captures);
            let winner = router.explain(&request.subject()).into_iter().find(Verdict::won);
            prop_assert_eq!(outcome, winner.map_or(Outcome::NotFound, |verdict| Outcome::Found(verdict.route)));
            prop_assert!(router.values(&captures, path).iter().all(|(_, part)| part.is_none_or(|p| path.contains(p))));
            prop_assert!(captures.prefix_end().is_none_or(|end| matches!(path.as_bytes().get(end), None | Some(b'/'))));
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,24}", rest in "[ -~]{0,24}") {
        for text in [text, rest] {
            let _ = HostSpec::parse(&text);
            let _ = Pattern::parse(&text);
            let _ = PathSpec::parse(&text);
            let _ = PathSpec::parse(&format!("/{text}"));
            let _ = PathSpec::parse(&format!("~{text}"));
        }
    }
}
