//! Whether two lists of conditions can never hold together.
//!
//! They cannot if one of each asks of the same value what no value satisfies: present and absent, two lists of
//! texts without a common one, texts of which none matches the other's pattern, networks that do not overlap,
//! different listeners. Two patterns, and whatever is compiled elsewhere, are taken to be able to hold together.

use ipnet::IpNet;

use crate::condition::{Condition, Test};

/// Whether no request can satisfy both.
pub(crate) fn exclude(one: &[Condition], two: &[Condition]) -> bool {
    one.iter().any(|a| two.iter().any(|b| clash(a, b)))
}

fn clash(one: &Condition, two: &Condition) -> bool {
    match (one, two) {
        (Condition::Value { source: one, test: asked }, Condition::Value { source: two, test: against }) => {
            one == two && tests_clash(asked, against)
        }
        (Condition::Client(one), Condition::Client(two)) => {
            !one.iter().any(|a| two.iter().any(|b| overlap(a, b)))
        }
        (Condition::Listener(one), Condition::Listener(two)) => {
            !one.iter().any(|number| two.contains(number))
        }
        _ => false,
    }
}

fn tests_clash(one: &Test, two: &Test) -> bool {
    match (one, two) {
        (Test::Absent, other) | (other, Test::Absent) => !matches!(other, Test::Absent),
        (Test::OneOf(one), Test::OneOf(two)) => !one.iter().any(|text| two.contains(text)),
        (Test::OneOf(texts), Test::Matches(pattern)) | (Test::Matches(pattern), Test::OneOf(texts)) => {
            !texts.iter().any(|text| pattern.is_match(text.as_bytes()))
        }
        (Test::OneOf(texts), Test::Present) | (Test::Present, Test::OneOf(texts)) => texts.is_empty(),
        (Test::Present | Test::Matches(_), Test::Present | Test::Matches(_)) => false,
    }
}

fn overlap(one: &IpNet, two: &IpNet) -> bool {
    one.contains(two) || two.contains(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Source;
    use crate::pattern::Pattern;

    fn of(texts: &[&str]) -> Test {
        Test::OneOf(texts.iter().map(|&text| text.to_owned()).collect())
    }

    fn header(name: &str, test: Test) -> Condition {
        let source = Source::Header(maitred_http::FieldName::parse(name).unwrap());
        Condition::Value { source, test }
    }

    fn matches(pattern: &str) -> Test {
        Test::Matches(Pattern::parse(pattern).unwrap())
    }

    #[test]
    fn values_of_one_name_exclude_each_other() {
        for (one, two, clash) in [
            (of(&["1"]), of(&["2"]), true),
            (of(&["1", "2"]), of(&["2", "3"]), false),
            (of(&["1"]), Test::Absent, true),
            (Test::Present, Test::Absent, true),
            (Test::Absent, Test::Absent, false),
            (of(&["1"]), Test::Present, false),
            (of(&[]), Test::Present, true),
            (of(&["a"]), matches("^b"), true),
            (of(&["a", "b"]), matches("^b"), false),
            (matches("^a"), matches("^b"), false),
            (matches("^a"), Test::Absent, true),
        ] {
            let told = exclude(&[header("X-A", one.clone())], &[header("x-a", two.clone())]);
            assert_eq!(told, clash, "{one:?} {two:?}");
            let told = exclude(&[header("X-A", two.clone())], &[header("x-a", one.clone())]);
            assert_eq!(told, clash, "{two:?} {one:?}");
        }
    }

    #[test]
    fn other_names_and_other_kinds_do_not() {
        let query = Condition::Value { source: Source::Query("x-a".to_owned()), test: of(&["2"]) };
        let cookie = Condition::Value { source: Source::Cookie("x-a".to_owned()), test: of(&["3"]) };
        let one = [header("X-A", of(&["1"])), query];
        assert!(!exclude(&one, &[header("X-B", of(&["2"]))]));
        assert!(!exclude(&one, &[cookie]));
        assert!(!exclude(&one, &[]));
        assert!(exclude(&one, &[header("X-B", of(&["2"])), header("X-A", of(&["2"]))]));
    }

    #[test]
    fn networks_and_listeners_exclude_where_nothing_is_in_both() {
        let nets =
            |texts: &[&str]| Condition::Client(texts.iter().map(|text| text.parse().unwrap()).collect());
        assert!(exclude(&[nets(&["10.0.0.0/8"])], &[nets(&["11.0.0.0/8", "::/0"])]));
        assert!(!exclude(&[nets(&["10.0.0.0/8"])], &[nets(&["11.0.0.0/8", "10.1.0.0/16"])]));
        let listeners = |numbers: &[u16]| Condition::Listener(numbers.to_vec());
        assert!(exclude(&[listeners(&[1])], &[listeners(&[2, 3])]));
        assert!(!exclude(&[listeners(&[1, 2])], &[listeners(&[2])]));
    }
}
