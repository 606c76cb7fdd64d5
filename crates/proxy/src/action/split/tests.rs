//! Who gets which variant: vectors that must never change, shares, and how little moves when they do.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use maitred_config::scalar::value_name;
use maitred_http::{PathRules, RequestHead};
use maitred_policy::values::Available;
use maitred_policy::{Facts, PathParams, Reached, RequestId, RouteFacts, TableRef};
use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn facts(received: SystemTime) -> Facts {
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Facts {
        client,
        peer: client,
        peer_is_trusted: false,
        scheme: Scheme::Http,
        listener: Rc::from("web"),
        certificate: None,
        consumer: None,
        claims: None,
        token: None,
        decided_by: None,
        is_decided_unseen: false,
        speaks_grpc: false,
        asked: None,
        request_id: RequestId::new(0, [0; 10]),
        received,
        route: TableRef::alone(RouteFacts::default()),
        params: PathParams::default(),
        upstream: None,
        sent_at: None,
        reached: Reached::Nothing,
        is_once: false,
        body_limit: None,
        has_body: false,
        stores: None,
        is_refresh: false,
    }
}

fn request(fields: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead::default();
    head.target.parse(b"/", PathRules::Raw).unwrap();
    for (name, value) in fields {
        head.fields.append_bytes(name.as_bytes(), value.as_bytes());
    }
    head
}

fn value(name: &str) -> Value {
    Value::compile(&value_name::parse(name).unwrap(), Available::Request).unwrap()
}

fn split(shares: &[Share]) -> Split {
    let names = ["A", "B", "C", "D", "E"];
    let variants = names.iter().zip(shares).map(|(name, &share)| Variant { name: Arc::from(*name), share });
    let variants: Box<[_]> = variants.collect();
    Split {
        experiment: "checkout".into(),
        by: None,
        sticky: None,
        named_by: None,
        fixed: fixed_shares(&variants),
        variants,
    }
}

fn ramp(from: u32, to: u32, begins: SystemTime) -> Share {
    Share::Ramp(Ramp { from, to, over: HOUR, starting: None, begins })
}

fn sticky() -> Sticky {
    Sticky { cookie: value("cookie.ab"), name: "ab".into(), max_age: 24 * HOUR }
}

fn deal(split: &Split, fields: &[(&str, &str)]) -> Dealt {
    let facts = facts(SystemTime::UNIX_EPOCH);
    split.deal(&View::of_request(&request(fields), &facts), || [0x80; 16])
}

/// A million keys.
fn counts(split: &Split, now: SystemTime) -> Vec<usize> {
    let shares = split.shares(now);
    let mut counts = vec![0; shares.len()];
    for user in 0..1_000_000_u32 {
        counts[take(&shares, split.point(&user.to_be_bytes()))] += 1;
    }
    counts
}

/// Other programs must be able to tell who gets what: `printf 'checkout\0u-17' | sha256sum`.
#[test]
fn the_place_of_a_key_never_changes() {
    let split = split(&[Share::Weight(1)]);
    for (key, place) in [
        ("u-1", 0x7c63_8ea8_9b94_5f01),
        ("u-2", 0xdcc3_60cc_91d4_5bb4),
        ("u-17", 0x0376_60bb_6bc2_27ae),
        ("alice", 0xf50c_a713_8b69_413a),
        ("Grüße", 0x2c8d_50d6_b5a7_7edc),
    ] {
        assert_eq!(split.point(key.as_bytes()), place, "{key}");
    }
    let other = Split { experiment: "a".into(), ..split };
    assert_eq!(other.point(b"b"), 0x59b2_71ae_1bbc_b1d3);
}

#[test]
fn variants_divide_the_range_in_the_order_of_the_document() {
    let shares = split(&[Share::Weight(90), Share::Weight(10)]).shares(SystemTime::UNIX_EPOCH);
    let at = |point: u64| take(&shares, point);
    assert_eq!((at(0), at(u64::MAX)), (0, 1));
    // 0.9 * 2^64 = 16602069666338596454.4
    assert_eq!((at(16_602_069_666_338_596_454), at(16_602_069_666_338_596_455)), (0, 1));
}

#[test]
fn shares_come_out_as_written() {
    let counts = counts(
        &split(&[Share::Weight(70), Share::Weight(0), Share::Weight(20), Share::Weight(10)]),
        SystemTime::UNIX_EPOCH,
    );
    for (count, wanted) in counts.into_iter().zip([700_000_usize, 0, 200_000, 100_000]) {
        assert!(count.abs_diff(wanted) <= wanted / 50, "{count}, not {wanted}");
    }
}

#[test]
fn what_a_request_names_comes_before_its_key_and_its_cookie() {
    let by = Split {
        by: Some(value("header.X-User-ID")),
        sticky: Some(sticky()),
        named_by: Some(value("header.X-Variant")),
        ..split(&[Share::Weight(1), Share::Weight(1), Share::Weight(0)])
    };
    let key = deal(&by, &[("X-User-ID", "u-1"), ("Cookie", "ab=x")]);
    assert_eq!(key, deal(&by, &[("X-User-ID", "u-1")]));
    assert_eq!((key.why, &key.cookie), (Why::Key, &None));
    assert_eq!(
        deal(&by, &[("X-Variant", "Z"), ("X-User-ID", "u-1")]),
        key,
        "unknown names count for nothing"
    );
    for (name, number) in [("A", 0), ("B", 1), ("C", 2)] {
        let dealt = deal(&by, &[("X-Variant", name), ("X-User-ID", "u-1")]);
        assert_eq!((dealt.variant, dealt.why, dealt.cookie), (number, Why::Named, None));
    }
    let without = Split { named_by: None, ..by };
    assert_eq!(deal(&without, &[("X-Variant", "C"), ("X-User-ID", "u-1")]), key, "off unless written");
}

#[test]
fn a_new_caller_gets_a_key_and_keeps_its_variant() {
    let split = Split { sticky: Some(sticky()), ..split(&[Share::Weight(1), Share::Weight(1)]) };
    for bad in ["", "ab=", &format!("ab={}", "x".repeat(129))] {
        let dealt = deal(&split, &[("Cookie", bad)]);
        let cookie = dealt.cookie.expect("a cookie");
        assert_eq!(cookie, b"ab=gICAgICAgICAgICAgICAgA; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax");
        let again = deal(&split, &[("Cookie", "ab=gICAgICAgICAgICAgICAgA")]);
        assert_eq!((again.variant, again.cookie, again.why), (dealt.variant, None, Why::Cookie));
    }
    let mut facts = facts(SystemTime::UNIX_EPOCH);
    facts.scheme = Scheme::Https;
    let dealt = split.deal(&View::of_request(&request(&[]), &facts), || [0; 16]);
    assert!(dealt.cookie.expect("a cookie").ends_with(b"; SameSite=Lax; Secure"));
}

#[test]
fn without_a_key_the_heaviest_answers() {
    let by = Split {
        by: Some(value("header.X-User-ID")),
        ..split(&[Share::Weight(1), Share::Weight(3), Share::Weight(3)])
    };
    for fields in [&[][..], &[("X-User-ID", "")]] {
        let dealt = deal(&by, fields);
        assert_eq!((dealt.variant, dealt.why), (1, Why::Heaviest));
    }
    let chance = Split { by: None, ..by };
    // Half of the way: behind the first seventh, before the end of the second share.
    assert_eq!((deal(&chance, &[]).variant, deal(&chance, &[]).why), (1, Why::Chance));
}

#[test]
fn a_ramp_goes_from_one_share_to_the_other_and_stays() {
    let start = SystemTime::UNIX_EPOCH + 100 * HOUR;
    let Share::Ramp(up) = ramp(10_000, WHOLE, start) else { panic!() };
    for (minutes, share) in [(0, 10_000), (30, 505_000), (59, 983_500), (60, WHOLE), (6000, WHOLE)] {
        assert_eq!(up.at(start + Duration::from_mins(minutes)), share, "{minutes}");
    }
    assert_eq!(up.at(start - HOUR), 10_000);
    let Share::Ramp(down) = ramp(WHOLE, 0, start) else { panic!() };
    assert_eq!(
        [0, 15, 60, 61].map(|minutes| down.at(start + Duration::from_mins(minutes))),
        [WHOLE, 750_000, 0, 0]
    );
}

#[test]
fn the_others_share_what_a_ramp_leaves() {
    let start = SystemTime::UNIX_EPOCH;
    let split = split(&[Share::Weight(3), ramp(0, WHOLE, start), Share::Weight(1)]);
    let shares = |minutes| {
        let shares = split.shares(start + Duration::from_mins(minutes));
        let total: u128 = shares.iter().sum();
        shares.iter().map(|share| share * 100 / total).collect::<Vec<_>>()
    };
    assert_eq!((shares(0), shares(30), shares(60)), (vec![75, 0, 25], vec![37, 50, 12], vec![0, 100, 0]));
    let half = counts(&split, start + Duration::from_mins(30));
    for (count, wanted) in half.into_iter().zip([375_000_usize, 500_000, 125_000]) {
        assert!(count.abs_diff(wanted) <= wanted / 50, "{count}, not {wanted}");
    }
}

proptest! {
    /// Everybody has a variant, and one that has a share.
    #[test]
    fn everybody_is_dealt_to_somebody(
        weights in prop::collection::vec(0_u32.., 1..5),
        from in 0..=WHOLE, to in 0..=WHOLE, minutes in 0_u64..70, point in any::<u64>(),
    ) {
        let mut shares: Vec<Share> = weights.into_iter().map(Share::Weight).collect();
        shares.insert(0, Share::Weight(1));
        shares.truncate(4);
        shares.push(ramp(from, to, SystemTime::UNIX_EPOCH));
        let shares = split(&shares).shares(SystemTime::UNIX_EPOCH + Duration::from_mins(minutes));
        prop_assert!(shares[take(&shares, point)] > 0);
        prop_assert!(shares[heaviest(&shares)] > 0);
    }

    /// As the share of the second of two grows, callers move to it and never back.
    #[test]
    fn a_growing_share_takes_and_gives_nobody_back(point in any::<u64>(), first in 0..=WHOLE, second in 0..=WHOLE) {
        let of = |share: u32| {
            let shares = [u128::from(WHOLE - share), u128::from(share)];
            if shares[0] == 0 { 1 } else { take(&shares, point) }
        };
        let (less, more) = (first.min(second), first.max(second));
        prop_assert!(of(less) <= of(more));
    }
}
