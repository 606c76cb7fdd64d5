//! Percentages: `20%`, `0.1%`, up to `100%`.
//! Kept exactly, in millionths, so that what is written back is what was read.

use std::fmt;

use super::number::Number;
use super::{ScalarProblem, quote, refuse_blank};

/// A share between `0%` and `100%`, exact to a ten-thousandth of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percent {
    /// The share in millionths of the whole: `20%` is 200000.
    pub millionths: u32,
}

/// One percent, in millionths.
const ONE: u32 = 10_000;

impl Percent {
    /// The share as a number from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.millionths) / f64::from(100 * ONE)
    }

    /// Whether it takes one with this random number, each of which is as likely as any other: `100%` takes all, `0%` none.
    pub fn takes(self, random: u64) -> bool {
        (u128::from(random) * u128::from(100 * ONE)) >> 64 < u128::from(self.millionths)
    }
}

/// Reads a percentage.
pub fn parse(text: &str) -> Result<Percent, ScalarProblem> {
    refuse_blank(text, "a percentage", "20%")?;
    let Some(number) = Number::leading(text) else {
        return Err(ScalarProblem::whole(format!("{} is no percentage", quote(text)), text)
            .help("write it like `20%`"));
    };
    match number.rest {
        "%" => {}
        "" => return Err(needs_a_sign(text, number)),
        rest if rest.trim_start() == "%" => {
            return Err(ScalarProblem::whole(format!("{} has a space in it", quote(text)), text)
                .help(format!("write `{}%`", &text[..text.len() - rest.len()])));
        }
        _ => {
            return Err(ScalarProblem::whole(format!("{} is no percentage", quote(text)), text)
                .help("write it like `20%`"));
        }
    }
    if number.whole.is_empty() || number.fraction == Some("") {
        return Err(ScalarProblem::whole(format!("{} is no percentage", quote(text)), text)
            .help("write digits on both sides of the point: `0.5%`"));
    }
    if number.fraction.is_some_and(|digits| digits.len() > 4) {
        return Err(ScalarProblem::whole(format!("{} is too fine", quote(text)), text)
            .help("at most four digits may stand behind the point"));
    }
    match number.times(ONE.into()).and_then(|millionths| u32::try_from(millionths).ok()) {
        Some(millionths) if millionths <= 100 * ONE => Ok(Percent { millionths }),
        _ => Err(ScalarProblem::whole(format!("{} is more than all", quote(text)), text)
            .help("write at most `100%`")),
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.millionths / ONE, self.millionths % ONE);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let digits = format!("{rest:04}");
        write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
    }
}

/// `0.2` is a share of one, `20` is meant in percent, and `1` may be either.
fn needs_a_sign(text: &str, number: Number<'_>) -> ScalarProblem {
    let problem = ScalarProblem::whole(format!("{} needs a percent sign", quote(text)), text);
    let share = number.times(u128::from(100 * ONE)).and_then(|millionths| u32::try_from(millionths).ok());
    match share {
        Some(0) => problem.help("write `0%`"),
        Some(millionths) if millionths == 100 * ONE => problem.help("write `1%`, or `100%` for all"),
        Some(millionths) if millionths < 100 * ONE => {
            problem.help(format!("write `{}`", Percent { millionths }))
        }
        _ => problem.help(format!("write `{text}%`")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_and_writes() {
        for (text, millionths, written) in [
            ("20%", 200_000, "20%"),
            ("0%", 0, "0%"),
            ("100%", 1_000_000, "100%"),
            ("100.0000%", 1_000_000, "100%"),
            ("0.1%", 1_000, "0.1%"),
            ("12.50%", 125_000, "12.5%"),
            ("0.0001%", 1, "0.0001%"),
        ] {
            assert_eq!(parse(text), Ok(Percent { millionths }), "{text}");
            assert_eq!(Percent { millionths }.to_string(), written);
        }
        assert!((Percent { millionths: 250_000 }.fraction() - 0.25).abs() < f64::EPSILON);
    }

    #[test]
    fn takes_a_share_by_chance() {
        let takes = |millionths, random| Percent { millionths }.takes(random);
        assert!(!takes(0, 0) && takes(1_000_000, u64::MAX));
        assert!(takes(1, u64::MAX / 1_000_000) && !takes(1, u64::MAX / 1_000_000 + 1));
        assert!(takes(250_000, u64::MAX / 4) && !takes(250_000, u64::MAX / 4 + 1));
    }

    #[test]
    fn refuses_with_a_way_out() {
        assert_refused(
            parse,
            &[
                ("", "", "a percentage is missing here (write it like `20%`)"),
                ("20", "20", "`20` needs a percent sign (write `20%`)"),
                ("0.2", "0.2", "`0.2` needs a percent sign (write `20%`)"),
                (".05", ".05", "`.05` needs a percent sign (write `5%`)"),
                ("1", "1", "`1` needs a percent sign (write `1%`, or `100%` for all)"),
                ("0", "0", "`0` needs a percent sign (write `0%`)"),
                ("20 %", "20 %", "`20 %` has a space in it (write `20%`)"),
                ("20pct", "20pct", "`20pct` is no percentage (write it like `20%`)"),
                ("-5%", "-5%", "`-5%` is no percentage (write it like `20%`)"),
                (".5%", ".5%", "`.5%` is no percentage (write digits on both sides of the point: `0.5%`)"),
                ("5.%", "5.%", "`5.%` is no percentage (write digits on both sides of the point: `0.5%`)"),
                ("100.0001%", "100.0001%", "`100.0001%` is more than all (write at most `100%`)"),
                ("150%", "150%", "`150%` is more than all (write at most `100%`)"),
                (
                    "0.00001%",
                    "0.00001%",
                    "`0.00001%` is too fine (at most four digits may stand behind the point)",
                ),
            ],
        );
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(millionths in 0u32..=1_000_000) {
            let percent = Percent { millionths };
            prop_assert_eq!(parse(&percent.to_string()), Ok(percent));
        }

        #[test]
        fn never_panics(text in "\\PC*|[0-9]{0,45}\\.?[0-9]{0,45} ?%?") {
            assert_no_panic(parse, &text);
        }
    }
}
