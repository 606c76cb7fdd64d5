//! Networks: `10.0.0.0/8`, `fd00::/8`; a bare address is a network of one.
//! Names are not looked up: a list of networks must mean the same at every load.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::number::split_digits;
use super::{ScalarProblem, quote, refuse_blank};

#[cfg(test)]
mod tests;

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
