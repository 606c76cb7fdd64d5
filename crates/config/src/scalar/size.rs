//! Sizes in bytes: `512B`, `1KB`, `64KiB`, `8MiB`.
//!
//! One whole number with one unit, spelled as the standards do: `KB` is 1000 bytes, `KiB` is 1024.

use super::number::Number;
use super::{ScalarProblem, quote, refuse_blank, refuse_spaces};

/// From large to small.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads a size with its unit, in bytes; a bare number is refused.
pub fn parse(text: &str) -> Result<u64, ScalarProblem> {
    refuse_blank(text, "a size", "8MiB")?;
    refuse_spaces(text)?;
    let Some(number) = Number::leading(text) else {
        return Err(ScalarProblem::whole(format!("{} is no size", quote(text)), text)
            .help("write a number with a unit: `512B`, `64KiB`, `8MiB`"));
    };
    let unit_at = text.len() - number.rest.len()..text.len();
    if number.rest.is_empty() {
        return Err(needs_a_unit(text, number));
    }
    let Some((_, unit)) = UNITS.into_iter().find(|(name, _)| *name == number.rest) else {
        return Err(unknown_unit(number, unit_at));
    };
    let bytes = number.times(unit.into());
    if number.fraction.is_some() {
        let problem = ScalarProblem::whole(format!("{} is no whole number", quote(text)), text);
        return Err(match bytes.and_then(|bytes| u64::try_from(bytes).ok()) {
            Some(bytes) => problem.help(format!("write `{}`", format(bytes))),
            None => problem.help("write it in a smaller unit"),
        });
    }
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).ok_or_else(|| {
        ScalarProblem::whole(format!("{} is too large", quote(text)), text)
            .help("the largest size is `16777215TiB`")
    })
}

/// Writes a number of bytes with the largest unit that is exact: 65536 is `64KiB`, 1000 is `1KB`, 1500 is `1500B`.
pub fn format(bytes: u64) -> String {
    let exact = UNITS.into_iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    let (name, unit) = exact.unwrap_or(("B", 1));
    format!("{}{name}", bytes / unit)
}

fn needs_a_unit(text: &str, number: Number<'_>) -> ScalarProblem {
    let problem = ScalarProblem::whole(format!("{} needs a unit", quote(text)), text);
    if number.fraction.is_some() {
        return problem.help("write a whole number with a unit: `512B`, `64KiB`, `8MiB`");
    }
    match number.whole.parse() {
        Ok(0) => problem.help("write `0B`; `false` turns a limit off"),
        Ok(bytes) if bytes >= 1000 && format(bytes) != format!("{bytes}B") => {
            problem.help(format!("write `{}` if bytes are meant", format(bytes)))
        }
        _ => problem.help(format!("write `{0}B`, `{0}KiB` or `{0}MiB`", number.whole)),
    }
}

/// nginx writes `8m`, Kubernetes `8Mi`, others `8mb` or `8Mbit`.
fn unknown_unit(number: Number<'_>, at: std::ops::Range<usize>) -> ScalarProblem {
    let problem = ScalarProblem::new(format!("{} is no unit of size", quote(number.rest)), at);
    if number.fraction.is_some() {
        return problem.help("the units are `B`, `KB`, `KiB`, `MB`, `MiB`, `GB`, `GiB`, `TB` and `TiB`");
    }
    let digits = number.whole;
    let lower = number.rest.to_lowercase();
    if matches!(lower.as_str(), "b" | "byte" | "bytes") {
        return problem.help(format!("write `{digits}B`"));
    }
    let letter = match lower.as_str() {
        "k" | "ki" | "kb" | "kib" | "kbyte" | "kilobyte" | "kilobytes" => "K",
        "m" | "mi" | "mb" | "mib" | "mbyte" | "megabyte" | "megabytes" => "M",
        "g" | "gi" | "gb" | "gib" | "gbyte" | "gigabyte" | "gigabytes" => "G",
        "t" | "ti" | "tb" | "tib" | "tbyte" | "terabyte" | "terabytes" => "T",
        _ => return problem.help("the units are `B`, `KB`, `KiB`, `MB`, `MiB`, `GB`, `GiB`, `TB` and `TiB`"),
    };
    problem.help(format!("write `{digits}{letter}iB` (by 1024) or `{digits}{letter}B` (by 1000)"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_and_writes() {
        for (text, bytes, written) in [
            ("512B", 512, "512B"),
            ("1KB", 1000, "1KB"),
            ("64KiB", 65536, "64KiB"),
            ("8MiB", 8 << 20, "8MiB"),
            ("1024KiB", 1 << 20, "1MiB"),
            ("5MB", 5_000_000, "5MB"),
            ("1500B", 1500, "1500B"),
            ("3GiB", 3 << 30, "3GiB"),
            ("2TB", 2_000_000_000_000, "2TB"),
            ("0B", 0, "0B"),
            ("18446744073709551615B", u64::MAX, "18446744073709551615B"),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
            assert_eq!(format(bytes), written);
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        let units = "the units are `B`, `KB`, `KiB`, `MB`, `MiB`, `GB`, `GiB`, `TB` and `TiB`";
        assert_refused(
            parse,
            &[
                ("", "", "a size is missing here (write it like `8MiB`)"),
                ("10", "10", "`10` needs a unit (write `10B`, `10KiB` or `10MiB`)"),
                ("1048576", "1048576", "`1048576` needs a unit (write `1MiB` if bytes are meant)"),
                ("1500", "1500", "`1500` needs a unit (write `1500B`, `1500KiB` or `1500MiB`)"),
                ("0", "0", "`0` needs a unit (write `0B`; `false` turns a limit off)"),
                (
                    "1.5",
                    "1.5",
                    "`1.5` needs a unit (write a whole number with a unit: `512B`, `64KiB`, `8MiB`)",
                ),
                ("8m", "m", "`m` is no unit of size (write `8MiB` (by 1024) or `8MB` (by 1000))"),
                ("8Mi", "Mi", "`Mi` is no unit of size (write `8MiB` (by 1024) or `8MB` (by 1000))"),
                ("1kB", "kB", "`kB` is no unit of size (write `1KiB` (by 1024) or `1KB` (by 1000))"),
                ("1kib", "kib", "`kib` is no unit of size (write `1KiB` (by 1024) or `1KB` (by 1000))"),
                ("7bytes", "bytes", "`bytes` is no unit of size (write `7B`)"),
                ("8Mbit", "Mbit", &format!("`Mbit` is no unit of size ({units})")),
                ("1MiB5KiB", "MiB5KiB", &format!("`MiB5KiB` is no unit of size ({units})")),
                ("1.5MiB", "1.5MiB", "`1.5MiB` is no whole number (write `1536KiB`)"),
                ("0.1B", "0.1B", "`0.1B` is no whole number (write it in a smaller unit)"),
                ("8 MiB", "8 MiB", "`8 MiB` has a space in it (write `8MiB`)"),
                (
                    "unlimited",
                    "unlimited",
                    "`unlimited` is no size (write a number with a unit: `512B`, `64KiB`, `8MiB`)",
                ),
                ("-1", "-1", "`-1` is no size (write a number with a unit: `512B`, `64KiB`, `8MiB`)"),
                (
                    "16777216TiB",
                    "16777216TiB",
                    "`16777216TiB` is too large (the largest size is `16777215TiB`)",
                ),
            ],
        );
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(number: u64, shift in 0u32..64) {
            for bytes in [number, number << shift, (number >> shift).saturating_mul(1000)] {
                prop_assert_eq!(parse(&format(bytes)), Ok(bytes));
            }
        }

        #[test]
        fn never_panics(text in "\\PC*|[0-9.kKmMgGiIbB -]{0,12}|[0-9]{18,45}[KMGT]?i?B") {
            assert_no_panic(parse, &text);
        }
    }
}
