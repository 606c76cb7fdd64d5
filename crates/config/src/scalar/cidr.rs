//! Networks: `10.0.0.0/8`, `fd00::/8`; a bare address is a network of one.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::number::split_digits;
use super::{ScalarProblem, quote, refuse_blank};

/// Reads a network. Bits behind the prefix must be zero, and IPv4 is written as IPv4: clients that reach an IPv6
/// socket over IPv4 are known by their IPv4 address.
pub fn parse(text: &str) -> Result<IpNet, ScalarProblem> {
    refuse_blank(text, "a network", "10.0.0.0/8")?;
    let net = match text.split_once('/') {
        None => IpNet::from(text.parse::<IpAddr>().map_err(|_| unknown(text))?),
        Some((address, prefix)) => with_prefix(text, address, prefix)?,
    };
    if net.trunc() != net {
        let message = format!("{} has bits set behind its prefix", quote(text));
        return Err(ScalarProblem::whole(message, text).help(format!(
            "write `{}`, or `{}` for this one address",
            net.trunc(),
            net.addr()
        )));
    }
    if let IpNet::V6(v6) = net
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && v6.prefix_len() >= 96
    {
        let problem = ScalarProblem::whole(format!("{} is an IPv4 network in IPv6", quote(text)), text);
        return Err(match Ipv4Net::new(v4, v6.prefix_len() - 96) {
            Ok(net) if net.prefix_len() < 32 => problem.help(format!("write `{net}`")),
            _ => problem.help(format!("write `{v4}`")),
        });
    }
    Ok(net)
}

fn with_prefix(text: &str, address: &str, prefix: &str) -> Result<IpNet, ScalarProblem> {
    let Ok(ip) = address.parse::<IpAddr>() else {
        return Err(match short_network(address, prefix) {
            Some(net) => not_a_network(text).help(format!("write `{net}`")),
            None => unknown(text),
        });
    };
    let at = address.len() + 1..text.len();
    if let (IpAddr::V4(v4), Ok(IpAddr::V4(mask))) = (ip, prefix.parse()) {
        let problem = ScalarProblem::new(format!("{} is a mask, a length is wanted", quote(prefix)), at);
        return Err(match Ipv4Net::with_netmask(v4, mask) {
            Ok(net) => problem.help(format!("write `{}`", net.trunc())),
            Err(_) => problem.help("write it like `/24`"),
        });
    }
    let (digits, rest) = split_digits(prefix);
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    let length = digits.parse::<u8>().ok().filter(|&length| rest.is_empty() && length <= longest);
    length.and_then(|length| IpNet::new(ip, length).ok()).ok_or_else(|| {
        ScalarProblem::new(format!("{} is no prefix length", quote(prefix)), at)
            .help(format!("write a number from `/0` to `/{longest}`"))
    })
}

/// `10/8` and `192.168/16`, with the zeros that are missing.
fn short_network(address: &str, prefix: &str) -> Option<IpNet> {
    let octets = address.split('.').filter(|octet| !octet.is_empty()).collect::<Vec<_>>();
    if octets.len() > 3 {
        return None;
    }
    let full = octets.into_iter().chain(["0"; 4]).take(4).collect::<Vec<_>>().join(".");
    IpNet::new(full.parse().ok()?, prefix.parse().ok()?).ok().map(|net| net.trunc())
}

fn not_a_network(text: &str) -> ScalarProblem {
    ScalarProblem::whole(format!("{} is no network and no address", quote(text)), text)
}

fn unknown(text: &str) -> ScalarProblem {
    let problem = not_a_network(text);
    if matches!(text, "all" | "any" | "*") {
        return problem.help("write `0.0.0.0/0` for all of IPv4 and `::/0` for all of IPv6");
    }
    if let Some(open) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return problem.help(format!("write it without brackets: {}", quote(open)));
    }
    if let Some((start, _)) = text.split_once(".*") {
        let prefix = (start.split('.').count() * 8).to_string();
        if let Some(net) = short_network(start, &prefix) {
            return problem.help(format!("write `{net}`"));
        }
    }
    if text.contains('-') && text.starts_with(|c: char| c.is_ascii_digit()) {
        return problem.help("write a range as networks: `10.0.0.0/30`, …");
    }
    if text == "localhost" {
        return problem.help("write `127.0.0.0/8` and `::1`");
    }
    problem.help("write it like `10.0.0.0/8`, `fd00::/8` or `10.0.0.1`; names are not looked up")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scalar::table::{assert_no_panic, assert_refused};

    #[test]
    fn reads_networks_and_addresses() {
        for (text, written) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.1", "10.0.0.1/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("fd00::/8", "fd00::/8"),
            ("::1", "::1/128"),
            ("FD00:0::/8", "fd00::/8"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn refuses_with_a_way_out() {
        let other = "write it like `10.0.0.0/8`, `fd00::/8` or `10.0.0.1`; names are not looked up";
        assert_refused(
            parse,
            &[
                ("", "", "a network is missing here (write it like `10.0.0.0/8`)"),
                (
                    "10.0.0.5/8",
                    "10.0.0.5/8",
                    "`10.0.0.5/8` has bits set behind its prefix (write `10.0.0.0/8`, or `10.0.0.5` for this one address)",
                ),
                ("10.0.0.0/33", "33", "`33` is no prefix length (write a number from `/0` to `/32`)"),
                ("fd00::/129", "129", "`129` is no prefix length (write a number from `/0` to `/128`)"),
                ("10.0.0.0/+8", "+8", "`+8` is no prefix length (write a number from `/0` to `/32`)"),
                ("10.0.0.0/", "", "`` is no prefix length (write a number from `/0` to `/32`)"),
                (
                    "10.0.0.0/255.0.0.0",
                    "255.0.0.0",
                    "`255.0.0.0` is a mask, a length is wanted (write `10.0.0.0/8`)",
                ),
                (
                    "10.0.0.0/255.0.255.0",
                    "255.0.255.0",
                    "`255.0.255.0` is a mask, a length is wanted (write it like `/24`)",
                ),
                ("10/8", "10/8", "`10/8` is no network and no address (write `10.0.0.0/8`)"),
                (
                    "192.168.*",
                    "192.168.*",
                    "`192.168.*` is no network and no address (write `192.168.0.0/16`)",
                ),
                (
                    "192.168.1.*",
                    "192.168.1.*",
                    "`192.168.1.*` is no network and no address (write `192.168.1.0/24`)",
                ),
                (
                    "10.0.0.1-10.0.0.9",
                    "10.0.0.1-10.0.0.9",
                    "`10.0.0.1-10.0.0.9` is no network and no address (write a range as networks: `10.0.0.0/30`, …)",
                ),
                (
                    "all",
                    "all",
                    "`all` is no network and no address (write `0.0.0.0/0` for all of IPv4 and `::/0` for all of IPv6)",
                ),
                ("[::1]", "[::1]", "`[::1]` is no network and no address (write it without brackets: `::1`)"),
                (
                    "localhost",
                    "localhost",
                    "`localhost` is no network and no address (write `127.0.0.0/8` and `::1`)",
                ),
                (
                    "example.com",
                    "example.com",
                    &format!("`example.com` is no network and no address ({other})"),
                ),
                ("10.0.0.256", "10.0.0.256", &format!("`10.0.0.256` is no network and no address ({other})")),
                (
                    "::ffff:10.0.0.0/104",
                    "::ffff:10.0.0.0/104",
                    "`::ffff:10.0.0.0/104` is an IPv4 network in IPv6 (write `10.0.0.0/8`)",
                ),
                (
                    "::ffff:10.0.0.1",
                    "::ffff:10.0.0.1",
                    "`::ffff:10.0.0.1` is an IPv4 network in IPv6 (write `10.0.0.1`)",
                ),
            ],
        );
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(ip: IpAddr, length in 0u8..=128) {
            let net = IpNet::new(ip, length.min(if ip.is_ipv4() { 32 } else { 128 })).unwrap().trunc();
            let mapped = matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
            prop_assume!(!mapped);
            prop_assert_eq!(parse(&net.to_string()), Ok(net));
        }

        #[test]
        fn never_panics(text in "\\PC*|[0-9a-f.:/*-]{0,20}|[0-9]{1,3}(\\.[0-9]{1,3}){0,3}/[0-9.]{0,5}") {
            assert_no_panic(parse, &text);
        }
    }
}
