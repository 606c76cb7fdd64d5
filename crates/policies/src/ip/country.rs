//! Countries, by their codes.
//! Where an address lies is the business of `geo.rs`.

use std::fmt;

use maitred_config::scalar::{ScalarProblem, quote};
use maitred_config::{Node, Read, Reader, Shape, TextShape};

/// A country, by its code of two letters (ISO 3166-1 alpha-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country([u8; 2]);

/// All codes, and `XK`, by which databases know Kosovo.
const CODES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ \
    NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ \
    UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

impl Country {
    /// The one that a database calls so.
    pub(super) fn of(code: &str) -> Option<Self> {
        code.as_bytes().try_into().ok().map(Self)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&letter| write!(f, "{}", char::from(letter).escape_debug()))
    }
}

static COUNTRY: TextShape = TextShape { name: "country", example: "DE", pattern: Some("^[A-Za-z]{2}$") };

impl Read for Country {
    fn shape() -> Shape {
        Shape::Text(&COUNTRY)
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        reader.scalar(node, &COUNTRY, parse)
    }
}

/// Reads a code in either case. One that no country has would never match, and be taken for a wall.
fn parse(text: &str) -> Result<Country, ScalarProblem> {
    let code = text.to_ascii_uppercase();
    if CODES.split_ascii_whitespace().any(|known| known == code)
        && let Some(country) = Country::of(&code)
    {
        return Ok(country);
    }
    let problem = ScalarProblem::whole(format!("{} is the code of no country", quote(text)), text);
    Err(match &*code {
        "UK" => problem.help("write `GB`"),
        "EL" => problem.help("write `GR`"),
        "EU" => problem.help("list the countries: `[AT, BE, …]`"),
        _ => problem.help("write the two letters of ISO 3166-1, such as `DE` or `US`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_known_by_their_codes() {
        let codes: Vec<&str> = CODES.split_ascii_whitespace().collect();
        assert_eq!(codes.len(), 250, "249 in the standard, and Kosovo");
        assert!(codes.is_sorted_by(|a, b| a < b));
        assert_eq!((parse("DE"), parse("no")), (Ok(Country(*b"DE")), Ok(Country(*b"NO"))));
        for (wrong, told) in
            [("UK", "write `GB`"), ("EU", "list"), ("DEU", "two letters"), ("", "two letters")]
        {
            assert!(parse(wrong).unwrap_err().to_string().contains(told), "{wrong}");
        }
    }
}
