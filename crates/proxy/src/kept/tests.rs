//! Whose answer is found by whom, and which are kept at all.

use maitred_http::PathRules;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn start() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn request(path: &str, fields: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead::default();
    head.target.parse(path.as_bytes(), PathRules::Raw).unwrap();
    head.authority.parse(b"Shop.example").unwrap();
    for (name, value) in fields {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    head
}

fn response(status: u16, fields: &[(&str, &str)]) -> ResponseHead {
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    for (name, value) in fields {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    head
}

fn whose() -> KeptFor<'static> {
    KeptFor { route: "orders", upstream: "orders-v1", scheme: Scheme::Http, whose: [0; 32] }
}

/// Keeps an answer with this body to a request, and tells what others find.
fn found(
    kept: &KeptShared,
    whose: KeptFor<'_>,
    request: &RequestHead,
    ttl: Duration,
    now: Instant,
) -> Option<(String, String)> {
    let (head, body) = kept.find(KeptKey::new(whose, request), request, ttl, now)?;
    let age = head.fields.known_str(Known::Age).unwrap().to_owned();
    Some((String::from_utf8(body.to_vec()).unwrap(), age))
}

fn keep(
    kept: &KeptShared,
    request: &RequestHead,
    fields: &[(&str, &str)],
    body: impl Into<Bytes>,
    now: Instant,
) {
    let head = response(200, fields);
    let place = KeptPlace::new(KeptKey::new(whose(), request), request, &head).unwrap();
    kept.keep(place, (head, body.into()), now, None);
}

#[test]
fn an_answer_is_found_by_the_same_request_until_it_is_too_old() {
    let (kept, start) = (KeptShared::default(), start());
    let asked = request("/orders?page=1", &[("User-Agent", "curl")]);
    assert_eq!(found(&kept, whose(), &asked, HOUR, start), None);
    keep(&kept, &asked, &[("Age", "5")], "one", start);
    let another = request("/orders?page=1", &[("User-Agent", "firefox")]);
    assert_eq!(found(&kept, whose(), &another, HOUR, start + HOUR / 2), Some(("one".into(), "1805".into())));
    assert_eq!(found(&kept, whose(), &another, HOUR, start + HOUR), None);
    keep(&kept, &asked, &[], "two", start + HOUR);
    assert_eq!(found(&kept, whose(), &another, HOUR, start + HOUR), Some(("two".into(), "0".into())));
}

#[test]
fn nobody_finds_the_answer_of_another() {
    let (kept, now) = (KeptShared::default(), start());
    let asked = request("/orders", &[("Authorization", "Bearer a"), ("Cookie", "s=1")]);
    keep(&kept, &asked, &[], "mine", now);
    for fields in [
        &[][..],
        &[("Authorization", "Bearer b"), ("Cookie", "s=1")],
        &[("Authorization", "Bearer a")],
        &[("Cookie", "s=1")],
        &[("Authorization", "Bearer a"), ("Cookie", "s=2")],
        &[("Authorization", "Bearer a"), ("Cookie", "s=1"), ("Cookie", "t=1")],
        &[("Authorization", "Bearer as=1")],
        &[("Authorization", "Bearer a"), ("Cookie", "s=1"), ("X-API-Key", "")],
        &[("Authorization", "Bearer a"), ("Cookie", "s=1"), ("x-user-id", "7")],
    ] {
        assert_eq!(found(&kept, whose(), &request("/orders", fields), HOUR, now), None, "{fields:?}");
    }
    let fields = [("Authorization", "Bearer a"), ("Cookie", "s=1")];
    for other in [
        KeptFor { route: "others", ..whose() },
        KeptFor { upstream: "orders-v2", ..whose() },
        KeptFor { scheme: Scheme::Https, ..whose() },
        KeptFor { whose: [1; 32], ..whose() },
    ] {
        assert_eq!(found(&kept, other, &request("/orders", &fields), HOUR, now), None, "{other:?}");
    }
    assert_eq!(found(&kept, whose(), &request("/orders?", &fields), HOUR, now), None);
    let mut elsewhere = request("/orders", &fields);
    elsewhere.authority.parse(b"other.example").unwrap();
    assert_eq!(found(&kept, whose(), &elsewhere, HOUR, now), None);
    let mut same = request("/orders", &fields);
    same.authority.parse(b"shop.EXAMPLE").unwrap();
    assert_eq!(found(&kept, whose(), &same, HOUR, now), Some(("mine".into(), "0".into())));
}

#[test]
fn what_vary_names_keeps_answers_apart() {
    let (kept, now) = (KeptShared::default(), start());
    let vary = [("Vary", "Accept-Language, accept")];
    let asked = |language| request("/", &[("Accept-Language", language), ("Accept", "*/*")]);
    keep(&kept, &asked("de"), &vary, "Hallo", now);
    keep(&kept, &asked("fr"), &[("Vary", "accept"), ("Vary", "accept-language,Accept")], "Salut", now);
    let body = |request: &RequestHead| found(&kept, whose(), request, HOUR, now).map(|(body, _)| body);
    assert_eq!(body(&asked("de")).as_deref(), Some("Hallo"));
    assert_eq!(body(&asked("fr")).as_deref(), Some("Salut"));
    assert_eq!(body(&asked("en")), None);
    assert_eq!(body(&request("/", &[("Accept-Language", "de")])), None);
    let zipped = request("/zip", &[("Accept-Encoding", "gzip")]);
    keep(&kept, &zipped, &[("Content-Encoding", "gzip")], "zip", now);
    assert_eq!((body(&zipped).as_deref(), body(&request("/zip", &[]))), (Some("zip"), None));
}

#[test]
fn only_good_answers_that_are_for_this_caller_are_kept() {
    let anonymous = request("/", &[]);
    let known = request("/", &[("authorization", "Bearer a")]);
    let may = |request: &RequestHead, status, fields: &[(&str, &str)]| {
        may_keep(request, &response(status, fields), false)
    };
    for status in [200, 201, 203, 204, 299] {
        assert!(
            may(&anonymous, status, &[("Cache-Control", "no-cache, max-age=0"), ("Vary", "Accept")]),
            "{status}"
        );
    }
    for status in [101, 199, 206, 300, 304, 404, 500] {
        assert!(!may(&anonymous, status, &[]), "{status}");
    }
    for field in [("Cache-Control", "max-age=1, No-Store"), ("Set-Cookie", "a=b"), ("Trailer", "X-A")] {
        assert!(!may(&known, 200, &[field]), "{field:?}");
    }
    for private in ["private", "max-age=60, Private", "private=\"X-A\""] {
        assert!(!may(&anonymous, 200, &[("Cache-Control", private)]), "{private}");
        assert!(may(&known, 200, &[("Cache-Control", private)]), "{private}");
        assert!(may_keep(&anonymous, &response(200, &[("Cache-Control", private)]), true), "{private}");
    }
    assert!(!may(&request("/", &[("Cache-Control", "no-store")]), 200, &[]));
    for everything in ["*", "a, *", "é"] {
        let head = response(200, &[("Vary", everything)]);
        assert!(KeptPlace::new(KeptKey::new(whose(), &known), &known, &head).is_none(), "{everything}");
    }
}

#[test]
fn memory_is_bounded_and_the_largest_fit() {
    let (kept, now) = (KeptShared::default(), start());
    let body = Bytes::from(vec![b'x'; LARGEST]);
    for number in 0..200 {
        let asked = request(&format!("/{number}"), &[]);
        keep(&kept, &asked, &[], body.clone(), now);
        let last = found(&kept, whose(), &asked, HOUR, now);
        assert!(last.is_some(), "{number} was not kept");
        assert!(kept.cache.weight() <= MOST);
    }
    assert!(kept.cache.len() >= 30, "{}", kept.cache.len());
}
