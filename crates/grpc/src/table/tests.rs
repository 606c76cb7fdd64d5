//! The table against a plain reading of the rules.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const METHODS: [Option<Method>; 4] = [Some(Method::Get), Some(Method::Post), Some(Method::Delete), None];

fn table(templates: &[(Option<Method>, &str)]) -> PathTable<usize> {
    let mut table = PathTable::default();
    for (at, (method, text)) in templates.iter().enumerate() {
        table.insert(*method, &PathTemplate::parse(text).unwrap(), at).unwrap();
    }
    table
}

#[test]
fn text_comes_before_wildcards_and_these_before_the_rest() {
    let get = Some(Method::Get);
    let table = table(&[
        (get, "/a/{x}/c"),
        (get, "/{y}/b/d"),
        (get, "/a/{x}"),
        (get, "/a/b"),
        (get, "/a/{x}:v"),
        (get, "/a/{x=**}"),
        (get, "/a/{x=**}:w"),
        (get, "/"),
        (get, "/x%3Ay/z"),
    ]);
    for (path, found) in [
        ("/a/b/c", Some(0)),
        ("/a/b/d", Some(5)),
        ("/z/b/d", Some(1)),
        ("/a/b", Some(3)),
        ("/a/%62", Some(3)),
        ("/a/c", Some(2)),
        ("/a/c:v", Some(4)),
        ("/a/c:%76", Some(4)),
        ("/a/c:x", Some(2)),
        ("/a/b:x", Some(2)),
        ("/a/:v", Some(2)),
        ("/a/c/d:w", Some(6)),
        ("/a:w", Some(6)),
        ("/a", Some(5)),
        ("/a/", Some(5)),
        ("/", Some(7)),
        ("/x:y/z", Some(8)),
        ("/x%3ay/z", Some(8)),
        ("/b", None),
        ("//b/d", None),
        ("", None),
        ("a/b", None),
        ("*", None),
    ] {
        assert_eq!(table.find(Method::Get, path).copied(), found, "{path}");
    }
}

#[test]
fn methods_are_told_apart_and_told() {
    let table = table(&[
        (Some(Method::Get), "/a"),
        (Some(Method::Post), "/a"),
        (Some(Method::Put), "/{x}"),
        (Some(Method::Head), "/h"),
        (Some(Method::Get), "/h"),
        (None, "/any"),
        (Some(Method::Get), "/any"),
        (Some(Method::Post), "/a:v"),
    ]);
    assert_eq!(table.find(Method::Head, "/a"), Some(&0));
    assert_eq!(table.find(Method::Head, "/h"), Some(&3));
    assert_eq!(table.find(Method::Put, "/a"), Some(&2));
    assert_eq!(table.find(Method::Delete, "/any"), Some(&5));
    assert_eq!(table.find(Method::Get, "/any"), Some(&6));
    assert_eq!(table.find(Method::Delete, "/a"), None);
    assert_eq!(table.allowed("/a"), [Method::Get, Method::Head, Method::Post, Method::Put]);
    assert_eq!(table.allowed("/a:v"), [Method::Post, Method::Put]);
    assert_eq!(table.allowed("/x/y"), []);
}

#[test]
fn the_same_paths_cannot_mean_two_things() {
    let mut table = PathTable::default();
    let parse = |text| PathTemplate::parse(text).unwrap();
    table.insert(Some(Method::Get), &parse("/a/{x}/b"), 1).unwrap();
    assert_eq!(table.insert(Some(Method::Get), &parse("/{y=a/*}/b"), 2), Err(&1));
    table.insert(Some(Method::Get), &parse("/a/{x}/b:v"), 3).unwrap();
    table.insert(Some(Method::Post), &parse("/a/{x}/b"), 4).unwrap();
    table.insert(None, &parse("/a/{x}/b"), 5).unwrap();
    assert_eq!(table.insert(None, &parse("/a/*/b"), 6), Err(&5));
}

#[test]
fn a_miss_allocates_nothing() {
    let table = table(&[(Some(Method::Get), "/v1/{x=a/*}"), (Some(Method::Post), "/v1/a/{x}:v")]);
    let counted = allocation_counter::measure(|| {
        assert_eq!(table.find(Method::Get, "/v1/b/%41%zz/c"), None);
        assert_eq!(table.find(Method::Put, "/v1/a/b:v"), None);
        assert!(table.find(Method::Post, "/v1/a/b:%76").is_some());
    });
    assert_eq!(counted.count_total, 0);
}

/// A plain reading of the rules: what a template makes of each segment of a path, or that it does not match.
fn rank(template: &PathTemplate, path: &str) -> Option<(Vec<u8>, u8)> {
    let (path, verb) = match (&template.verb, split_verb(path)) {
        (Some(text), Some((base, verb))) if *text == *maitred_http::percent_decode(verb, false) => (base, 0),
        (Some(_), _) => return None,
        (None, _) => (path, 1),
    };
    let segments: Vec<&str> =
        if path == "/" { Vec::new() } else { path.strip_prefix('/')?.split('/').collect() };
    let mut ranks = Vec::new();
    let mut given = segments.iter();
    for segment in &template.segments {
        ranks.push(match segment {
            Segment::Rest => {
                given.by_ref().for_each(drop);
                2
            }
            Segment::Any => given.next().filter(|given| !given.is_empty()).map(|_| 1)?,
            Segment::Literal(text) => {
                if *text != *maitred_http::percent_decode(given.next()?, false) {
                    return None;
                }
                0
            }
        });
    }
    given.next().is_none().then_some((ranks, verb))
}

/// The best of the templates with the method, or the methods that there are.
fn judge(
    templates: &[(Option<Method>, PathTemplate)],
    method: Method,
    path: &str,
) -> Result<usize, Vec<Method>> {
    let mut matching: Vec<_> = templates
        .iter()
        .enumerate()
        .filter_map(|(at, (bound, template))| rank(template, path).map(|rank| (at, *bound, rank)))
        .collect();
    let takes = |bound: Option<Method>| match bound {
        None => Some(2),
        Some(bound) if bound == method => Some(0),
        Some(Method::Get) if method == Method::Head => Some(1),
        Some(_) => None,
    };
    // A verb decides first, then the segments from the left; that a template ends comes before `**`.
    let order = |(ranks, verb): &(Vec<u8>, u8)| {
        let mut ranks = ranks.clone();
        if ranks.last() != Some(&2) {
            ranks.push(0);
        }
        (*verb, ranks)
    };
    matching.sort_by_key(|(_, bound, rank)| (order(rank), takes(*bound)));
    if let Some((at, ..)) = matching.iter().find(|(_, bound, _)| takes(*bound).is_some()) {
        return Ok(*at);
    }
    let mut methods: Vec<Method> = matching.iter().filter_map(|(_, bound, _)| *bound).collect();
    if methods.contains(&Method::Get) {
        methods.push(Method::Head);
    }
    methods.sort_unstable_by_key(|method| method.as_str().to_owned());
    methods.dedup();
    Err(methods)
}

fn any_template() -> impl Strategy<Value = String> {
    let segment = select(vec!["a", "b", "a%3Ab", "*", "{x}", "{y=a}", "{z=*/b}"]);
    let tail = select(vec!["", "", "/**", "/{w=**}", "/{w=a/**}"]);
    let verb = select(vec!["", "", "", ":v", ":w"]);
    (vec(segment, 0..4), tail, verb).prop_map(|(segments, tail, verb)| {
        let mut seen = std::collections::HashSet::new();
        let mut out = String::new();
        for segment in segments {
            out.push('/');
            out.push_str(if !segment.starts_with('{') || seen.insert(segment) { segment } else { "*" });
        }
        out.push_str(tail);
        if out.is_empty() {
            out.push('/');
        }
        out + verb
    })
}

fn any_path() -> impl Strategy<Value = String> {
    let segment = select(vec!["a", "b", "%61", "a:b", "a%3ab", "c", "", "a:v"]);
    (vec(segment, 0..5), select(vec!["", "", ":v", ":%76", ":w", ":"])).prop_map(|(segments, verb)| {
        let path = segments.iter().fold(String::new(), |path, segment| path + "/" + segment);
        (if path.is_empty() { "/".to_owned() } else { path }) + verb
    })
}

/// A path that a template matches.
fn path_of(template: &PathTemplate, seed: &[u8]) -> String {
    let mut seed = seed.iter().copied().cycle();
    let mut next = || format!("x{}", seed.next().unwrap());
    let mut path = String::new();
    for segment in &template.segments {
        match segment {
            Segment::Literal(text) => {
                path.push('/');
                maitred_http::push_percent_encoded(&mut path, text);
            }
            Segment::Any => path = path + "/" + &next(),
            Segment::Rest => path = path + "/" + &next() + "/" + &next(),
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    if let Some(verb) = &template.verb {
        path.push(':');
        maitred_http::push_percent_encoded(&mut path, verb);
    }
    path
}

proptest! {
    #[test]
    fn agrees_with_a_plain_reading(
        texts in vec((select(METHODS.to_vec()), any_template()), 0..8),
        paths in vec(any_path(), 1..8),
        method in select(vec![Method::Get, Method::Head, Method::Post, Method::Put]),
    ) {
        let mut table = PathTable::default();
        let mut templates = Vec::new();
        for (bound, text) in texts {
            let template = PathTemplate::parse(&text).unwrap();
            if table.insert(bound, &template, templates.len()).is_ok() {
                templates.push((bound, template));
            }
        }
        for path in &paths {
            let found = table.find(method, path).copied().ok_or_else(|| table.allowed(path));
            prop_assert_eq!(found, judge(&templates, method, path), "{} {} {:?}", method, path, templates);
        }
    }

    #[test]
    fn a_path_made_of_a_template_has_it(text in any_template(), seed in vec(any::<u8>(), 1..4)) {
        let template = PathTemplate::parse(&text).unwrap();
        let mut table = PathTable::default();
        table.insert(Some(Method::Get), &template, ()).unwrap();
        let path = path_of(&template, &seed);
        prop_assert!(table.find(Method::Get, &path).is_some(), "{} {}", text, path);
        prop_assert!(template.values(&path).all(|(_, value)| value.is_some_and(|value| !value.is_empty())));
    }
}
