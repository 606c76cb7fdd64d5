//! Networks that are read, and what is said of those that are none.

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
        ],
    );
}

#[test]
fn refuses_what_others_write() {
    let other = "write it like `10.0.0.0/8`, `fd00::/8` or `10.0.0.1`; names are not looked up";
    assert_refused(
        parse,
        &[
            ("10/8", "10/8", "`10/8` is no network and no address (write `10.0.0.0/8`)"),
            ("192.168.*", "192.168.*", "`192.168.*` is no network and no address (write `192.168.0.0/16`)"),
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
            ("example.com", "example.com", &format!("`example.com` is no network and no address ({other})")),
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
        let mapped = matches!(net, IpNet::V6(v6) if v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some());
        prop_assert_eq!(parse(&net.to_string()).ok(), Some(net).filter(|_| !mapped));
    }

    #[test]
    fn never_panics(text in "\\PC*|[0-9a-f.:/*-]{0,20}|[0-9]{1,3}(\\.[0-9]{1,3}){0,3}/[0-9.]{0,5}") {
        assert_no_panic(parse, &text);
    }
}
