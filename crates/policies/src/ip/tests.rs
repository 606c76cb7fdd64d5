//! Addresses, lists and countries.

pub(crate) mod mmdb;

use std::cell::RefCell;

use maitred_config::{Memory, Problems, Span, Style, Texts, read_text};
use maitred_policy::harness::{Harness, problems_of, problems_with_files};
use maitred_policy::{Catalog, IpLists, Means};

use super::*;

fn status(yaml: &str, client: &str) -> u16 {
    Harness::of::<Ip>(yaml).client(client).request("GET /", &[]).answer(200, &[]).response.status
}

#[test]
fn deny_wins_over_allow() {
    let yaml =
        "{ allow: [10.0.0.0/8, 10.1.0.0/16, '2001:db8::/32'], deny: [10.0.0.13, '2001:db8:dead::/48'] }";
    for (client, expected) in [
        ("10.0.0.12", 200),
        ("10.0.0.13", 403),
        ("10.255.255.255", 200),
        ("11.0.0.0", 403),
        ("9.255.255.255", 403),
        ("::ffff:10.0.0.1", 200),
        ("::ffff:10.0.0.13", 403),
        ("2001:db8::1", 200),
        ("2001:db8:dead::1", 403),
        ("2001:db9::1", 403),
    ] {
        assert_eq!(status(yaml, client), expected, "{client}");
    }
}

#[test]
fn without_allow_all_others_may() {
    assert_eq!(status("{ deny: 192.0.2.0/24 }", "192.0.2.1"), 403);
    assert_eq!(status("{ deny: 192.0.2.0/24 }", "192.0.3.1"), 200);
    assert_eq!(status("192.0.2.0/24", "192.0.2.1"), 200);
    assert_eq!(status("192.0.2.0/24", "192.0.3.1"), 403);
}

#[test]
fn a_refusal_is_the_clients_fault() {
    let outcome = Harness::of::<Ip>("10.0.0.0/8").request("GET /", &[]).answer(200, &[]);
    assert_eq!(outcome.cause(), Some("address_refused"));
    assert!(outcome.sent.is_none());
    let harness = Harness::of::<Ip>("10.0.0.0/8");
    assert_eq!(harness.request("GET /", &[]).explain(), ["refuses 192.0.2.7"]);
}

#[test]
fn an_empty_list_is_a_mistake() {
    for yaml in ["true", "{ allow: [] }"] {
        assert!(problems_of::<Ip>(yaml).contains("neither `allow` nor `deny` names a network"), "{yaml}");
    }
    assert!(problems_of::<Ip>("{ allow: 10.0.0.0/99 }").contains("10.0.0.0/99"));
}

/// Compiled in a document with these lists, and what is told of it.
fn with_lists(lists: &str, yaml: &str) -> (Option<Ip>, String) {
    let (files, seen, mut problems) = (Memory::new(), RefCell::default(), Problems::new());
    let written = read_text(lists).expect("the test's lists are good");
    let lists = IpLists::compile(&written, &files, &mut problems);
    let (kinds, texts) = (Catalog::default(), Texts::default());
    let means = Means { ip_lists: &lists, ..Means::new(&files, &seen, &kinds) };
    let config = read_text(yaml).expect("the test's configuration is good");
    let ip = Ip::compile(config, &mut Build::new(&mut problems, Span::NONE, &texts, means), None);
    (ip, problems.render(&Texts::default(), Style::Plain))
}

#[test]
fn lists_are_used_by_name() {
    let lists = "{ offices: [10.0.0.0/8], blocked: { networks: 10.6.0.0/16 } }";
    let (ip, told) = with_lists(lists, "{ allow: [offices, 192.0.2.7], deny: blocked }");
    assert_eq!(told, "");
    let ip = ip.expect("it is good");
    for (client, may) in [("10.1.0.1", true), ("10.6.0.1", false), ("192.0.2.7", true), ("192.0.2.8", false)]
    {
        let client = client.parse().expect("an address");
        assert_eq!(ip.decide(client), Decision::Address(may), "{client}");
    }
}

#[test]
fn a_list_that_is_not_there_is_told_and_an_empty_one_lets_nobody_in() {
    let (_, told) = with_lists("{ offices: [10.0.0.0/8] }", "{ allow: ofices }");
    assert!(told.contains("there is no list of addresses `ofices`") && told.contains("`offices`?"), "{told}");
    let told = problems_of::<Ip>("offices");
    assert!(told.contains("ip_lists: { offices: [10.0.0.0/8] }"), "{told}");
    let (ip, told) = with_lists("{ offices: [] }", "{ allow: offices }");
    assert!(told.contains("warning") && told.contains("nobody may come"), "{told}");
    let decision = ip.expect("a warning stops nothing").decide("10.0.0.1".parse().expect("an address"));
    assert_eq!(decision, Decision::Address(false));
}

fn world() -> Memory {
    let networks =
        [("81.0.0.0/8", "DE"), ("2a00::/16", "CH"), ("175.45.176.0/22", "KP"), ("84.208.0.0/13", "NO")];
    Memory::new().with("world.mmdb", mmdb::countries(&networks))
}

#[test]
fn countries_decide_about_those_whom_no_network_names() {
    let harness = |yaml: &str| Harness::with_files::<Ip>(yaml, world());
    let decide = |yaml: &str, client: &str| {
        let outcome = harness(yaml).client(client).request("GET /", &[]).answer(200, &[]);
        (outcome.response.status, outcome.cause())
    };
    let (fine, not_there, not_here) =
        ((200, None), (403, Some("country_refused")), (403, Some("address_refused")));
    let allow = "{ allow: 10.0.0.0/8, deny: 81.6.6.6, geo: { database: world.mmdb, allow: [DE, ch, NO] } }";
    for (client, expected) in [
        ("81.1.2.3", fine),
        ("::ffff:81.1.2.3", fine),
        ("81.6.6.6", not_here),
        ("2a00:1::1", fine),
        ("84.208.0.1", fine),
        ("175.45.176.1", not_there),
        ("192.168.0.1", not_there),
        ("10.1.1.1", fine),
    ] {
        assert_eq!(decide(allow, client), expected, "{client}");
    }
    let deny = "{ geo: { database: world.mmdb, deny: KP } }";
    assert_eq!((decide(deny, "175.45.176.1"), decide(deny, "192.168.0.1")), (not_there, fine));
    let known = "{ geo: { database: world.mmdb, deny: KP, unknown: deny } }";
    assert_eq!((decide(known, "81.1.2.3"), decide(known, "192.168.0.1")), (fine, not_there));
    let explain = |client: &str| harness(allow).client(client).request("GET /", &[]).explain().concat();
    assert_eq!(explain("175.45.176.1"), "refuses 175.45.176.1, which is in KP");
    assert_eq!(explain("81.1.2.3"), "lets 81.1.2.3 through, which is in DE");
    assert_eq!(explain("192.168.0.1"), "refuses 192.168.0.1, which is in an unknown country");
}

#[test]
fn what_is_no_database_of_countries_is_told() {
    let numbers =
        mmdb::write(&[("81.0.0.0/8", mmdb::map(&[("organization", mmdb::text("Ours"))]))], "Test-ASN");
    let files = world().with("asn.mmdb", numbers).with("text.mmdb", "81.0.0.0/8 DE");
    let told = |yaml: &str| problems_with_files::<Ip>(yaml, &files);
    assert_eq!(told("{ geo: { database: world.mmdb, allow: DE } }"), "");
    for (yaml, expected) in [
        ("{ geo: { database: text.mmdb, allow: DE } }", "`text.mmdb` is no database of countries"),
        ("{ geo: { database: asn.mmdb, allow: DE } }", "it is one of `Test-ASN`"),
        ("{ geo: { database: absent.mmdb, allow: DE } }", "`absent.mmdb` cannot be read"),
        ("{ geo: { database: world.mmdb } }", "names a country"),
        ("{ geo: { allow: DE } }", "`database` is missing"),
        ("{ geo: { database: world.mmdb, allow: UK } }", "write `GB`"),
        ("{ geo: { database: world.mmdb, allow: DE, deny: [CH, de] } }", "`DE` is allowed and denied"),
    ] {
        assert!(told(yaml).contains(expected), "{yaml}\n{}", told(yaml));
    }
}

#[test]
fn a_broken_database_places_nobody() {
    let good = mmdb::countries(&[("81.0.0.0/8", "DE"), ("82.0.0.0/8", "CH")]);
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        let files = Memory::new().with("broken.mmdb", bytes);
        let yaml = "{ geo: { database: broken.mmdb, allow: DE } }";
        if problems_with_files::<Ip>(yaml, &files).is_empty() {
            let harness = Harness::with_files::<Ip>(yaml, files);
            let outcome = harness.client("82.1.1.1").request("GET /", &[]).answer(200, &[]);
            assert!(matches!(outcome.response.status, 200 | 403));
        }
    }
}
