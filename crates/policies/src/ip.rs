//! Lets requests through by the address of the client.
//!
//! `allow` lists the networks whose clients may come; without it, all may. `deny` lists networks whose clients may not, and
//! wins. Everybody else gets 403. The client is the peer, or whom a trusted proxy names (`trusted_proxies` of the listener),
//! so a client cannot choose its address by a header.

use std::net::IpAddr;

use ipnet::IpNet;
use maitred_config::{Fields, Problem, Reader, config_map};
use maitred_http::RequestHead;
use maitred_policy::{Build, Facts, Fault, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};

config_map! {
    /// Which clients may come, by address.
    #[check = IpConfig::check]
    pub struct IpConfig {
        /// Networks or addresses whose clients may come. Without it, all may that `deny` does not name.
        #[main]
        allow: Vec<IpNet>,
        /// Networks or addresses whose clients may not come, also where `allow` names them.
        deny: Vec<IpNet>,
    }
}

impl IpConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.allow.is_empty() && self.deny.is_empty() && !fields.has_unknown() {
            let problem = Problem::error("neither `allow` nor `deny` names a network").at(fields.place());
            reader.problem(problem.help("write `ip: { allow: [10.0.0.0/8] }`, or leave `ip` out"));
        }
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Ip {
    allow: Option<Networks>,
    deny: Networks,
}

impl PolicyKind for Ip {
    const NAME: &'static str = "ip";
    type Config = IpConfig;
    type Compiled = Self;

    fn phase(_: &IpConfig) -> Phase {
        Phase::Screen
    }

    fn compile(config: IpConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let allow = (!config.allow.is_empty()).then(|| Networks::new(&config.allow));
        Some(Self { allow, deny: Networks::new(&config.deny) })
    }
}

impl Ip {
    fn lets_through(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        !self.deny.contain(client) && self.allow.as_ref().is_none_or(|allow| allow.contain(client))
    }
}

impl Policy for Ip {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        if self.lets_through(cx.facts.client) {
            Step::CONTINUE
        } else {
            Step::fail(Fault::client(403, "address_refused", "Address not allowed"))
        }
    }

    fn explain(&self, _: &RequestHead, facts: &Facts) -> String {
        if self.lets_through(facts.client) {
            format!("lets {} through", facts.client)
        } else {
            format!("refuses {}", facts.client)
        }
    }
}

/// Networks that do not overlap, in order, so that thousands of them are searched in a few steps.
#[derive(Debug)]
struct Networks(Box<[IpNet]>);

impl Networks {
    fn new(written: &[IpNet]) -> Self {
        let mut networks = IpNet::aggregate(&written.to_vec());
        networks.sort_by_key(IpNet::network);
        Self(networks.into())
    }

    fn contain(&self, address: IpAddr) -> bool {
        let behind = self.0.partition_point(|network| network.network() <= address);
        behind.checked_sub(1).is_some_and(|at| self.0[at].contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use maitred_policy::harness::{Harness, problems_of};

    use super::*;

    fn status(yaml: &str, client: &str) -> u16 {
        Harness::of::<Ip>(yaml).client(client).request("GET /", &[]).answer(200, &[]).response.status
    }

    #[test]
    fn deny_wins_over_allow() {
        let yaml =
            "{ allow: [10.0.0.0/8, 10.1.0.0/16, '2001:db8::/32'], deny: [10.0.0.13, '2001:db8:dead::/48'] }";
        for (client, expected) in [
            ("10.0.0.12", 200),
            ("10.0.0.13", 403),
            ("10.255.255.255", 200),
            ("11.0.0.0", 403),
            ("9.255.255.255", 403),
            ("::ffff:10.0.0.1", 200),
            ("::ffff:10.0.0.13", 403),
            ("2001:db8::1", 200),
            ("2001:db8:dead::1", 403),
            ("2001:db9::1", 403),
        ] {
            assert_eq!(status(yaml, client), expected, "{client}");
        }
    }

    #[test]
    fn without_allow_all_others_may() {
        assert_eq!(status("{ deny: 192.0.2.0/24 }", "192.0.2.1"), 403);
        assert_eq!(status("{ deny: 192.0.2.0/24 }", "192.0.3.1"), 200);
        assert_eq!(status("192.0.2.0/24", "192.0.2.1"), 200);
        assert_eq!(status("192.0.2.0/24", "192.0.3.1"), 403);
    }

    #[test]
    fn the_search_finds_what_a_walk_finds() {
        let written: Vec<IpNet> = (0..200u32)
            .map(|i| {
                format!("{}.{}.0.0/{}", i * 37 % 256, i * 11 % 256, 12 + i % 17)
                    .parse::<IpNet>()
                    .unwrap()
                    .trunc()
            })
            .collect();
        let networks = Networks::new(&written);
        for i in 0..20_000u32 {
            let address = IpAddr::from((i.wrapping_mul(2_654_435_761)).to_be_bytes());
            assert_eq!(
                networks.contain(address),
                written.iter().any(|network| network.contains(&address)),
                "{address}"
            );
        }
    }

    #[test]
    fn a_refusal_is_the_clients_fault() {
        let outcome = Harness::of::<Ip>("10.0.0.0/8").request("GET /", &[]).answer(200, &[]);
        assert_eq!(outcome.cause(), Some("address_refused"));
        assert!(outcome.sent.is_none());
        let harness = Harness::of::<Ip>("10.0.0.0/8");
        assert_eq!(harness.request("GET /", &[]).explain(), ["refuses 192.0.2.7"]);
    }

    #[test]
    fn an_empty_list_is_a_mistake() {
        for yaml in ["true", "{ allow: [] }"] {
            assert!(problems_of::<Ip>(yaml).contains("neither `allow` nor `deny` names a network"), "{yaml}");
        }
        assert!(problems_of::<Ip>("{ allow: 10.0.0.0/99 }").contains("10.0.0.0/99"));
    }
}
