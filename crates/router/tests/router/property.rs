//! Tables and requests drawn at random: the router answers as the matcher of `naive` does.

use std::collections::BTreeSet;

use maitred_http::Method;
use maitred_router::{Ambiguity, Captures, Outcome, Reason, Router};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::naive::{Ask, NaiveRequest, NaiveRoute, Taken};
use crate::words::Request;

const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PURGE", "LINK"];
const REGEXES: [&str; 8] =
    ["~^/a/.*$", "~^/b/.*$", "~b", "~^/[ab]$", "~^/a/(?<p>[ab]+)$", "~^/(?<p>a)?", "~^/a/b/[ab]$", "~.*"];

fn segment() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("a"), 3 => Just("b"), 1 => Just(""), 3 => Just("{}")]
}

fn pattern() -> impl Strategy<Value = String> {
    let tail = prop_oneof![3 => Just(""), 2 => Just("/*"), 1 => Just("/{*rest}")];
    let written = (vec(segment(), 0..4), tail).prop_map(|(segments, tail)| {
        let mut names = ["p", "q", "r", "s"].into_iter();
        let mut text = String::new();
        for segment in segments {
            text.push('/');
            match segment {
                "{}" => text.extend(["{", names.next().unwrap(), "}"]),
                literal => text.push_str(literal),
            }
        }
        text.push_str(tail);
        if text.is_empty() { "/".to_owned() } else { text }
    });
    prop_oneof![5 => written, 1 => select(&REGEXES[..]).prop_map(str::to_owned)]
}

fn ask() -> impl Strategy<Value = Ask> {
    let texts = option::weighted(0.8, subsequence(vec!["1", "2", "3"], 0..3));
    prop_oneof![
        3 => (select(&["a", "b"][..]), texts).prop_map(|(name, texts)| Ask::Header(name, texts)),
        1 => select(&["1", "2"][..]).prop_map(Ask::Query),
        1 => select(&["10.0.0.0/8", "10.1.0.0/16", "::/0"][..]).prop_map(Ask::Client),
        1 => (0..2u16).prop_map(Ask::Listener),
        1 => Just(Ask::PathIsA),
    ]
}

fn naive_route() -> impl Strategy<Value = NaiveRoute> {
    let hosts = vec!["a.com", "x.a.com", "*.a.com", "*.com", "*"];
    let hosts = prop_oneof![2 => Just(Vec::new()), 3 => subsequence(hosts, 1..3)];
    let asks = prop_oneof![2 => Just(Vec::new()), 1 => vec(ask(), 1..3)];
    let methods = option::of(subsequence(METHODS.to_vec(), 0..3));
    let priority = prop_oneof![4 => Just(0), 1 => -1..2];
    (hosts, vec(pattern(), 1..3), methods, asks, priority).prop_map(
        |(hosts, paths, methods, asks, priority)| NaiveRoute { hosts, paths, methods, asks, priority },
    )
}

/// Routes of few places that are told apart by values, as tenants and versions are.
fn tenant_route() -> impl Strategy<Value = NaiveRoute> {
    let texts = subsequence(vec!["1", "2", "3"], 1..3);
    let header = (select(&["a", "b"][..]), texts).prop_map(|(name, texts)| Ask::Header(name, Some(texts)));
    let paths = select(&["/a", "/{p}", "~^/(?<p>[ab])$", "/*"][..]).prop_map(|path| vec![path.to_owned()]);
    let asks = prop_oneof![vec(header, 1..3), vec(ask(), 0..2)];
    let methods = option::of(select(&METHODS[..]).prop_map(|method| vec![method]));
    (paths, asks, methods, -1..3).prop_map(|(paths, asks, methods, priority)| NaiveRoute {
        hosts: Vec::new(),
        paths,
        methods,
        asks,
        priority,
    })
}

fn naive_request() -> impl Strategy<Value = NaiveRequest> {
    let path = vec(prop_oneof![4 => Just("a"), 3 => Just("b"), 1 => Just(""), 1 => Just("c")], 1..5);
    let header = (select(&["a", "b"][..]), select(&["1", "2", "3"][..]));
    (
        (select(&METHODS[..]), select(&["", "a.com", "x.a.com", "y.x.a.com", "b.com", "b.org"][..])),
        path.prop_map(|segments| format!("/{}", segments.join("/"))),
        option::of(select(&["1", "2"][..])),
        vec(header, 0..3),
        select(&["10.0.0.1", "10.1.0.1", "11.0.0.1", "::1"][..]),
        0..2u16,
    )
        .prop_map(|((method, host), path, query, headers, client, listener)| NaiveRequest {
            method,
            host,
            path,
            query,
            headers,
            client,
            listener,
        })
}

/// Compiles the routes; of two that can both win the second is left out, once it is sure that they can.
fn settle(mut routes: Vec<NaiveRoute>) -> (Vec<NaiveRoute>, Router) {
    loop {
        match Router::compile(routes.iter().map(|route| route.build().0).collect()) {
            Ok(router) => return (routes, router),
            Err(found) => {
                for Ambiguity { first, second, .. } in &found {
                    assert!(can_both_win(&routes[*first], &routes[*second]), "{first} and {second}");
                }
                let left_out: BTreeSet<_> = found.iter().map(|ambiguity| ambiguity.second).collect();
                let mut at = 0..;
                routes.retain(|_| !left_out.contains(&at.next().unwrap()));
            }
        }
    }
}

fn can_both_win(one: &NaiveRoute, two: &NaiveRoute) -> bool {
    let shape = |path: &str| {
        let piece = |piece: &str| match piece.as_bytes() {
            [b'{', b'*', ..] => "*".to_owned(),
            [b'{', ..] => "{}".to_owned(),
            _ => piece.to_owned(),
        };
        if path.starts_with('~') {
            "~".to_owned()
        } else {
            path.split('/').map(piece).collect::<Vec<_>>().join("/")
        }
    };
    let methods = METHODS.iter().any(|method| one.takes_method(method) && two.takes_method(method));
    let excluded = one.asks.iter().any(|a| two.asks.iter().any(|b| a.excludes(b)));
    let tied = one.ways().into_iter().any(|(host, path, rank)| {
        two.ways().into_iter().any(|way| (host, shape(&path), &rank) == (way.0, shape(&way.1), &way.2))
    });
    methods && tied && !excluded
}

/// What the naive matcher says: the winner with what it takes, or the methods that a 405 lists.
fn naive(routes: &[NaiveRoute], given: &NaiveRequest) -> Result<(usize, Taken), BTreeSet<&'static str>> {
    let mut best: Option<(_, usize, Taken)> = None;
    let mut allow = BTreeSet::new();
    for (at, route) in routes.iter().enumerate() {
        for (rank, taken) in route.fitting(given) {
            if !route.takes_method(given.method) {
                allow.extend(METHODS.into_iter().filter(|method| route.takes_method(method)));
            } else if best.as_ref().is_none_or(|(best, ..)| rank < *best) {
                best = Some((rank, at, taken));
            } else if let Some((best, other, _)) = &best {
                assert!(*other == at || rank != *best, "{other} and {at} rank equally and were not refused");
            }
        }
    }
    best.map(|(_, at, taken)| (at, taken)).ok_or(allow)
}

fn check_route(routes: &[NaiveRoute], router: &Router, given: &NaiveRequest, request: &Request) {
    let mut captures = Captures::default();
    let outcome = router.route(&request.subject(), &mut captures);
    match (naive(routes, given), outcome) {
        (Ok((at, (parts, end))), Outcome::Found(found)) => {
            assert_eq!(found, at);
            let values = router.values(&captures, &given.path);
            let told: Vec<_> = values.iter().filter_map(|(name, part)| Some((name, part?))).collect();
            assert_eq!(told, parts.iter().map(|(name, part)| (&**name, &**part)).collect::<Vec<_>>());
            assert_eq!(captures.prefix_end(), end);
        }
        (Err(allow), Outcome::MethodNotAllowed(told)) => {
            assert_eq!(allow, told.iter().map(name).collect());
        }
        (Err(allow), Outcome::NotFound) => assert!(allow.is_empty(), "{allow:?}"),
        (expected, outcome) => panic!("{expected:?} became {outcome:?}"),
    }
}

fn name(method: Method) -> &'static str {
    METHODS.into_iter().find(|name| *name == method.as_str()).unwrap()
}

fn check_explain(routes: &[NaiveRoute], router: &Router, given: &NaiveRequest, request: &Request) {
    let verdicts = router.explain(&request.subject());
    let told: BTreeSet<_> = verdicts.iter().map(|verdict| verdict.route).collect();
    assert_eq!((verdicts.len(), told.len()), (routes.len(), routes.len()));
    let winner = verdicts.iter().find(|verdict| verdict.won()).map(|verdict| verdict.route);
    match router.route(&request.subject(), &mut Captures::default()) {
        Outcome::Found(found) => assert_eq!(winner, Some(found)),
        _ => assert_eq!(winner, None),
    }
    let mut ranks = Vec::new();
    for verdict in &verdicts {
        let route = &routes[verdict.route];
        let fitting = route.fitting(given);
        let best = fitting.iter().map(|(rank, _)| rank.clone()).min();
        let takes_method = route.takes_method(given.method);
        match verdict.why {
            Reason::Won => ranks.push(best.unwrap()),
            Reason::Outranked { by, .. } => {
                assert_eq!(Some(by), winner);
                assert!(takes_method);
                ranks.push(best.unwrap());
            }
            Reason::Method => assert!(route.fits_host(given) && route.fits_path(given) && !takes_method),
            Reason::Condition(at) => assert!(takes_method && best.is_none() && at < route.asks.len()),
            Reason::Path => assert!(route.fits_host(given) && !route.fits_path(given)),
            Reason::Host => assert!(!route.fits_host(given)),
        }
    }
    assert!(ranks.is_sorted(), "{ranks:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_as_the_naive_matcher_does(
        routes in vec(naive_route(), 0..14),
        requests in vec(naive_request(), 12),
    ) {
        check(routes, &requests);
    }

    #[test]
    fn answers_as_the_naive_matcher_does_where_many_routes_share_a_path(
        routes in vec(tenant_route(), 0..70),
        requests in vec(naive_request(), 12),
    ) {
        check(routes, &requests);
    }
}

fn check(routes: Vec<NaiveRoute>, requests: &[NaiveRequest]) {
    let (routes, router) = settle(routes);
    for given in requests {
        let request = given.build();
        check_route(&routes, &router, given, &request);
        check_explain(&routes, &router, given, &request);
    }
}
