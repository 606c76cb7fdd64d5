//! Lets requests through by the address of the client, or by the country in which a database places it.
//!
//! `deny` names clients that may not come, and wins. `allow` names those that may. Both take networks, addresses, and names of
//! `ip_lists`, which stand at the top of the document and can be files. `geo` decides by country about all whom neither names: an
//! office in `allow` may come from wherever it is. Without `geo`, a client that neither names may come if there is no `allow`.
//! Everybody else gets 403. To demand a network and a country, write two policies: `ip/office` and `ip/country`.
//!
//! The client is the peer, or whom a trusted proxy names (`trusted_proxies` of the listener), so a client cannot choose its address
//! by a header. An IPv4 client that comes through an IPv6 socket is known by its IPv4 address.
//!
//! The database of `geo` is an `.mmdb` file that has countries, such as `GeoLite2-Country.mmdb`. It is kept in memory and
//! read again when it changes. No database knows where somebody is: who wants to come from another country finds a way.

use std::net::IpAddr;
use std::sync::Arc;

use maitred_config::scalar::{IpEntry, nearest::nearest, quote};
use maitred_config::{Fields, Problem, Reader, Spanned, config_map};
use maitred_http::RequestHead;
use maitred_policy::{Build, Facts, Fault, Networks, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};

mod country;
mod geo;
#[cfg(test)]
mod tests;

use country::Country;
use geo::{Geo, GeoConfig};

config_map! {
    /// Which clients may come, by address.
    #[check = IpConfig::check]
    pub struct IpConfig {
        /// Networks, addresses, and names of `ip_lists`, whose clients may come. Without it and without `geo`, all may that `deny` does not name.
        #[main]
        allow: Vec<Spanned<IpEntry>>,
        /// Networks, addresses, and names of `ip_lists`, whose clients may not come, also where `allow` names them.
        deny: Vec<Spanned<IpEntry>>,
        /// Decides by country about those whom neither names.
        geo: Option<GeoConfig>,
    }
}

impl IpConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let is_empty = self.allow.is_empty() && self.deny.is_empty() && self.geo.is_none();
        if is_empty && !fields.has_unknown() {
            let problem = Problem::error("neither `allow` nor `deny` names a network").at(fields.place());
            reader.problem(problem.help("write `ip: { allow: [10.0.0.0/8] }`, or leave `ip` out"));
        }
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Ip {
    allow: Option<Listed>,
    deny: Listed,
    geo: Option<Geo>,
}

impl PolicyKind for Ip {
    const NAME: &'static str = "ip";
    type Config = IpConfig;
    type Compiled = Self;

    fn phase(_: &IpConfig) -> Phase {
        Phase::Screen
    }

    fn compile(config: IpConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let allow = Listed::compile(&config.allow, build);
        let deny = Listed::compile(&config.deny, build);
        let geo = match config.geo {
            Some(geo) => Geo::compile(&geo, build).map(Some),
            None => Some(None),
        };
        let (allow, deny) = (allow?, deny?);
        let allow = (!config.allow.is_empty()).then_some(allow);
        if allow.as_ref().is_some_and(Listed::is_empty) && matches!(geo, Some(None)) {
            build.report(
                Problem::warning("the lists in `allow` are empty: nobody may come").at(config.allow[0].span),
            );
        }
        Some(Self { allow, deny, geo: geo? })
    }
}

/// Networks that are written here, and lists that are shared with others.
#[derive(Debug)]
struct Listed(Box<[Arc<Networks>]>);

impl Listed {
    /// None where a list is not there, which is told.
    fn compile(entries: &[Spanned<IpEntry>], build: &mut Build<'_>) -> Option<Self> {
        let (mut own, mut all, mut is_good) = (Vec::new(), Vec::new(), true);
        for entry in entries {
            let name = match &entry.value {
                IpEntry::Network(network) => {
                    own.push(*network);
                    continue;
                }
                IpEntry::List(name) => name,
            };
            if let Some(list) = build.ip_lists().find(name) {
                all.push(Arc::clone(list));
            } else {
                build.report(no_list(name, build).at(entry.span));
                is_good = false;
            }
        }
        if !own.is_empty() {
            all.push(Arc::new(Networks::new(own)));
        }
        is_good.then(|| Self(all.into()))
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|networks| networks.contain(address))
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|networks| networks.is_empty())
    }
}

fn no_list(name: &str, build: &Build<'_>) -> Problem {
    let problem = Problem::error(format!("there is no list of addresses {}", quote(name)));
    match nearest(name, build.ip_lists().names()) {
        Some(meant) => problem.help(format!("did you mean `{meant}`?")),
        None => {
            problem.help(format!("write `ip_lists: {{ {name}: [10.0.0.0/8] }}` at the top of the document"))
        }
    }
}

/// Why a client may come, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// By its address: it may.
    Address(bool),
    /// By its country, if that is known: it may.
    Country(Option<Country>, bool),
}

impl Ip {
    fn decide(&self, client: IpAddr) -> Decision {
        if self.deny.contain(client) {
            return Decision::Address(false);
        }
        if self.allow.as_ref().is_some_and(|allow| allow.contain(client)) {
            return Decision::Address(true);
        }
        match &self.geo {
            None => Decision::Address(self.allow.is_none()),
            Some(geo) => {
                let country = geo.country(client);
                Decision::Country(country, geo.lets_through(country))
            }
        }
    }
}

impl Policy for Ip {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        match self.decide(cx.facts.client) {
            Decision::Address(true) | Decision::Country(_, true) => Step::CONTINUE,
            Decision::Address(false) => {
                Step::fail(Fault::client(403, "address_refused", "Address not allowed"))
            }
            Decision::Country(..) => {
                Step::fail(Fault::client(403, "country_refused", "Not available in your country"))
            }
        }
    }

    fn explain(&self, _: &RequestHead, facts: &Facts) -> String {
        let client = facts.client;
        match self.decide(client) {
            Decision::Address(true) => format!("lets {client} through"),
            Decision::Address(false) => format!("refuses {client}"),
            Decision::Country(country, is_let) => {
                let country =
                    country.map_or("in an unknown country".to_owned(), |known| format!("in {known}"));
                if is_let {
                    format!("lets {client} through, which is {country}")
                } else {
                    format!("refuses {client}, which is {country}")
                }
            }
        }
    }
}
