//! The decimal number that a quantity begins with.
//! Exact arithmetic: what does not come out as a whole number of the smallest unit is not rounded.

/// A decimal number, and what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number<'a> {
    /// The digits before the point; empty in `.5`.
    pub whole: &'a str,
    /// The digits behind the point, if there is one.
    pub fraction: Option<&'a str>,
    /// The rest of the text.
    pub rest: &'a str,
}

impl<'a> Number<'a> {
    /// The number that `text` begins with.
    pub fn leading(text: &'a str) -> Option<Self> {
        let (whole, rest) = split_digits(text);
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(behind) => {
                let (fraction, rest) = split_digits(behind);
                (Some(fraction), rest)
            }
            None => (None, rest),
        };
        if whole.is_empty() && fraction.is_none_or(str::is_empty) {
            return None;
        }
        Some(Self { whole, fraction, rest })
    }

    /// This many times `unit`, if that is a whole number and fits.
    pub fn times(self, unit: u128) -> Option<u128> {
        let whole = parse_or_zero(self.whole)?.checked_mul(unit)?;
        let Some(fraction) = self.fraction else { return Some(whole) };
        let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let parts = parse_or_zero(fraction)?.checked_mul(unit)?;
        if parts % scale != 0 {
            return None;
        }
        whole.checked_add(parts / scale)
    }
}

fn parse_or_zero(digits: &str) -> Option<u128> {
    if digits.is_empty() { Some(0) } else { digits.parse().ok() }
}

/// The digits that `text` begins with, and the rest.
pub(super) fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn reads_what_stands_in_front() {
        let cases = [
            ("10s", Some(("10", None, "s"))),
            ("1.5s", Some(("1", Some("5"), "s"))),
            (".5s", Some(("", Some("5"), "s"))),
            ("5.s", Some(("5", Some(""), "s"))),
            (".s", None),
            ("s", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            let read = Number::leading(text).map(|number| (number.whole, number.fraction, number.rest));
            assert_eq!(read, wanted, "{text}");
        }
    }

    #[test]
    fn multiplies_exactly_or_not_at_all() {
        let cases = [
            ("2", 60, Some(120)),
            ("1.5", 1000, Some(1500)),
            ("0.001", 1000, Some(1)),
            ("0.0001", 1000, None),
            ("1.", 7, Some(7)),
            ("340282366920938463463374607431768211455", 2, None),
            ("0.0000000000000000000000000000000000000000", 2, None),
        ];
        for (text, unit, wanted) in cases {
            assert_eq!(Number::leading(text).unwrap().times(unit), wanted, "{text}");
        }
    }
}
