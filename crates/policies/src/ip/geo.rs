//! Where a database places addresses, and who may come from there. The database is read when the document is compiled, and lies in memory:
//! a request asks it without waiting. What it says is believed.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use maitred_config::{Fields, FilePath, Problem, Reader, Spanned, config_map, config_words};
use maitred_policy::Build;
use maxminddb::{Reader as Database, WithinOptions, path};

use super::country::Country;

/// Networks of a database of which one has to have a country.
const LOOKED_AT: usize = 10_000;

config_words! {
    /// What becomes of clients that the database does not place in a country: private addresses among them.
    pub enum Unknown {
        /// They may come.
        Allow = "allow",
        /// They may not.
        Deny = "deny",
    }
}

config_map! {
    /// Which clients may come, by country.
    #[check = GeoConfig::check]
    pub struct GeoConfig {
        /// An `.mmdb` file that has countries. It is read again when it changes.
        database: FilePath,
        /// Countries whose clients may come, by their codes of two letters (ISO 3166-1). Without it, all may that `deny` does not name.
        allow: Vec<Spanned<Country>>,
        /// Countries whose clients may not come.
        deny: Vec<Spanned<Country>>,
        /// What becomes of clients whose country is not known, those with private addresses among them. Without it, they may come unless `allow` is written.
        unknown: Option<Unknown>,
    }
}

impl GeoConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.allow.is_empty() && self.deny.is_empty() && !fields.has_unknown() {
            let problem = Problem::error("neither `allow` nor `deny` names a country").at(fields.place());
            reader.problem(problem.help("write `geo: { database: GeoLite2-Country.mmdb, allow: [DE, CH] }`"));
        }
        if let Some(both) = self.allow.iter().find(|country| self.deny.contains(country)) {
            let problem = Problem::error(format!("`{}` is allowed and denied", both.value)).at(both.span);
            reader.problem(problem.help("leave one of them out"));
        }
    }
}

/// A database, and the countries that matter.
pub(super) struct Geo {
    database: Arc<Database<Vec<u8>>>,
    allow: Option<Box<[Country]>>,
    deny: Box<[Country]>,
    lets_unknown: bool,
}

impl Geo {
    pub(super) fn compile(config: &GeoConfig, build: &mut Build<'_>) -> Option<Self> {
        let path = config.database.as_path();
        // However many policies ask it, it is in memory once.
        let name = format!("countries of {}", path.display());
        let database = build.resource(&name, |build, _| open(path, build).map(Arc::new))?;
        let countries = |written: &[Spanned<Country>]| written.iter().map(|country| country.value).collect();
        let lets_unknown = match config.unknown {
            Some(unknown) => unknown == Unknown::Allow,
            None => config.allow.is_empty(),
        };
        let allow = (!config.allow.is_empty()).then(|| countries(&config.allow));
        Some(Self { database, allow, deny: countries(&config.deny), lets_unknown })
    }

    /// The country of an address, as far as it is known. What is broken in a database counts as not known.
    pub(super) fn country(&self, address: IpAddr) -> Option<Country> {
        let found = self.database.lookup(address.to_canonical()).ok()?;
        found.decode_path::<&str>(&path!["country", "iso_code"]).ok().flatten().and_then(Country::of)
    }

    pub(super) fn lets_through(&self, country: Option<Country>) -> bool {
        let Some(country) = country else { return self.lets_unknown };
        !self.deny.contains(&country) && self.allow.as_ref().is_none_or(|allow| allow.contains(&country))
    }
}

fn open(path: &Path, build: &mut Build<'_>) -> Option<Database<Vec<u8>>> {
    let wrong = |why: String| {
        Problem::error(format!("`{}` is no database of countries: {why}", path.display()))
            .help("wanted is an `.mmdb` file with countries, such as `GeoLite2-Country.mmdb`")
    };
    let bytes = build.read(path)?;
    let opened =
        Database::from_source(bytes).map_err(|error| wrong(error.to_string())).and_then(|database| {
            if has_countries(&database) {
                return Ok(database);
            }
            Err(wrong(format!("it is one of `{}`", database.metadata().database_type.escape_debug())))
        });
    opened.map_err(|problem| build.report(problem.at(build.span()))).ok()
}

/// Whether a database has countries at all: there are others in the same format.
fn has_countries(database: &Database<Vec<u8>>) -> bool {
    let networks = database.networks(WithinOptions::default()).into_iter().flatten().take(LOOKED_AT);
    networks.flatten().any(|network| {
        network.decode_path::<&str>(&path!["country", "iso_code"]).is_ok_and(|country| country.is_some())
    })
}

impl fmt::Debug for Geo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (allow, deny) = (&self.allow, &self.deny);
        f.debug_struct("Geo").field("allow", allow).field("deny", deny).finish_non_exhaustive()
    }
}
