//! Times as text, against prost's own.

use proptest::prelude::*;

use super::*;

#[test]
fn timestamps() {
    for (text, seconds, nanos) in [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("0001-01-01T00:00:00Z", *TIMESTAMPS.start(), 0),
        ("9999-12-31T23:59:59.999999999Z", *TIMESTAMPS.end(), 999_999_999),
        ("2000-02-29T12:00:00.001Z", 951_825_600, 1_000_000),
        ("1969-12-31T23:59:59.000001Z", -1, 1_000),
        ("1972-01-01T10:00:20.021Z", 63_108_020, 21_000_000),
    ] {
        let time = Time { seconds, nanos };
        assert_eq!(parse_timestamp(text), Some(time), "{text}");
        assert_eq!(format_timestamp(time).as_deref(), Some(text));
    }
    for (text, seconds) in
        [("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T16:30:00-07:30", 0), ("1970-01-01T00:00:00-00:00", 0)]
    {
        assert_eq!(parse_timestamp(text), Some(Time { seconds, nanos: 0 }), "{text}");
    }
}

#[test]
fn what_is_no_timestamp() {
    for text in [
        "",
        "T",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01t00:00:00Z",
        "1970-01-01T00:00:00z",
        "1970-01-01 00:00:00Z",
        "1970-1-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.1234567890Z",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+24:00",
        "0000-12-31T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "+1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00ZZ",
        "1970-01-01T00:00:00Z ",
        "1970-01-01T00:00Z",
        "1970-01-01T00:00:00:00Z",
        "19７0-01-01T00:00:00Z",
    ] {
        assert_eq!(parse_timestamp(text), None, "{text}");
    }
    assert_eq!(format_timestamp(Time { seconds: 0, nanos: -1 }), None);
    assert_eq!(format_timestamp(Time { seconds: 0, nanos: NANOS }), None);
    assert_eq!(format_timestamp(Time { seconds: i64::MAX, nanos: 0 }), None);
}

#[test]
fn durations() {
    for (text, seconds, nanos) in [
        ("0s", 0, 0),
        ("1.500s", 1, 500_000_000),
        ("-1.000000001s", -1, -1),
        ("-0.500s", 0, -500_000_000),
        ("1.000340012s", 1, 340_012),
        ("315576000000.999999999s", 315_576_000_000, 999_999_999),
    ] {
        let time = Time { seconds, nanos };
        assert_eq!(parse_duration(text), Some(time), "{text}");
        assert_eq!(format_duration(time).as_deref(), Some(text));
    }
    assert_eq!(parse_duration("1.5s"), Some(Time { seconds: 1, nanos: 500_000_000 }));
    for text in [
        "",
        "s",
        "1",
        "1 s",
        ".5s",
        "1.s",
        "+1s",
        "--1s",
        "1.0000000001s",
        "315576000001s",
        "1e3s",
        "1S",
        "-s",
        "9999999999999s",
        "1.-5s",
    ] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
    assert_eq!(format_duration(Time { seconds: 1, nanos: -1 }), None);
    assert_eq!(format_duration(Time { seconds: i64::MIN, nanos: 0 }), None);
    assert_eq!(format_duration(Time { seconds: 0, nanos: i32::MIN }), None);
}

proptest! {
    #[test]
    fn agrees_with_prost(seconds in TIMESTAMPS, nanos in 0..NANOS) {
        let text = format_timestamp(Time { seconds, nanos }).unwrap();
        let oracle = prost_types::Timestamp { seconds, nanos };
        prop_assert_eq!(&text, &oracle.to_string());
        prop_assert_eq!(parse_timestamp(&text), Some(Time { seconds, nanos }));
    }

    #[test]
    fn durations_come_back(seconds in -315_576_000_000_i64..=315_576_000_000, nanos in 0..NANOS) {
        let nanos = if seconds < 0 { -nanos } else { nanos };
        let text = format_duration(Time { seconds, nanos }).unwrap();
        prop_assert_eq!(parse_duration(&text), Some(Time { seconds, nanos }));
    }
}
