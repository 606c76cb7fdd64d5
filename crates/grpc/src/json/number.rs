//! Numbers of proto3 JSON: what is written as `1e2` or `1.0` is an integer as well, and nothing is rounded on the way.
//! Whether a number fits its field is not seen here.

use super::reader::is_number;

/// The integer that a JSON number stands for; none if it is no integer or has more than 20 digits or so.
pub(super) fn integer(text: &str) -> Option<i128> {
    if let Ok(number) = text.parse::<i64>()
        && !matches!(text.as_bytes(), [b'+', ..])
        && is_number(text)
    {
        return Some(number.into());
    }
    if !is_number(text) {
        return None;
    }
    let (is_negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = || whole.bytes().chain(fraction.bytes()).skip_while(|&byte| byte == b'0');
    let count = digits().count();
    if count == 0 {
        return Some(0);
    }
    // Where the point stands, in digits behind the last one. An exponent that is no i64 is out of every range.
    let exponent: i64 = exponent.parse().ok()?;
    let shift = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let zeros = fraction.bytes().rev().chain(whole.bytes().rev()).take_while(|&byte| byte == b'0').count();
    let kept = match usize::try_from(shift.unsigned_abs()) {
        Ok(dropped) if shift < 0 && dropped <= zeros => count - dropped,
        Ok(_) if shift >= 0 => count,
        _ => return None,
    };
    let shift = u32::try_from(shift.max(0)).ok()?;
    if kept + usize::try_from(shift).ok()? > 20 {
        return None;
    }
    let number = digits().take(kept).fold(0_i128, |number, digit| number * 10 + i128::from(digit - b'0'));
    let number = number * 10_i128.pow(shift);
    Some(if is_negative { -number } else { number })
}

/// The double that a JSON number or one of the three names stands for; none if it is neither, or out of range.
pub(super) fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if is_number(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// The same for `float`, rounded once.
pub(super) fn float(text: &str) -> Option<f32> {
    match double(text)? {
        special if !special.is_finite() =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "NaN and the infinities are the same in every width"
            )]
            Some(special as f32)
        }
        _ => text.parse().ok().filter(|number: &f32| number.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_in_every_notation() {
        for (text, number) in [
            ("0", 0),
            ("-0", 0),
            ("0.000", 0),
            ("0e99999999999999999999", 0),
            ("-9223372036854775808", i64::MIN.into()),
            ("18446744073709551615", u64::MAX.into()),
            ("18446744073709551615.00", u64::MAX.into()),
            ("1.8446744073709551615e19", u64::MAX.into()),
            ("1e2", 100),
            ("1E+2", 100),
            ("100e-2", 1),
            ("12300e-2", 123),
            ("1.50e1", 15),
            ("0.5e1", 5),
            ("10.0", 10),
        ] {
            assert_eq!(integer(text), Some(number), "{text}");
        }
        for text in [
            "",
            "+1",
            "01",
            "1.5",
            "1e-1",
            "0.1",
            "1.05e1",
            "1e21",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "123456789012345678901",
            " 1",
            "1 ",
            "NaN",
            "0x1",
            "1_0",
            "-",
            "1e9223372036854775807",
            "0.1e-9223372036854775808",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn floats_keep_to_their_range() {
        assert_eq!(float("3.4028234663852886e38"), Some(f32::MAX));
        assert_eq!(float("3.5e38"), None);
        assert_eq!(double("1e400"), None);
        assert_eq!(double("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(float("NaN").is_some_and(f32::is_nan));
        for text in ["", "inf", "nan", "-NaN", "+1", ".5", "1.", "infinity"] {
            assert_eq!(double(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_integer(number in any::<i64>(), zeros in 0_usize..4) {
            prop_assert_eq!(integer(&number.to_string()), Some(number.into()));
            prop_assume!(number != 0);
            let with_zeros = format!("{number}{}e-{zeros}", "0".repeat(zeros));
            prop_assert_eq!(integer(&with_zeros), Some(number.into()));
        }

        #[test]
        fn integers_are_the_numbers_without_fraction(text in "-?[0-9]{1,4}(\\.[0-9]{1,4})?(e-?[0-9])?") {
            prop_assume!(is_number(&text));
            let double: f64 = text.parse().unwrap();
            #[expect(clippy::cast_possible_truncation, reason = "the numbers here are short")]
            let expected = (double.fract() == 0.0).then_some(double as i128);
            prop_assert_eq!(integer(&text), expected);
        }
    }
}
