//! Addresses of services: what they mean, and what is said of those that are none.

use proptest::prelude::*;

use super::*;
use crate::scalar::table::{assert_no_panic, assert_refused};

fn at_name(scheme: Scheme, name: &str, port: u16) -> EndpointUrl {
    EndpointUrl { scheme, target: EndpointTarget::Host { host: EndpointHost::Name(name.to_owned()), port } }
}

fn at_ip(scheme: Scheme, ip: &str, port: u16) -> EndpointUrl {
    EndpointUrl { scheme, target: EndpointTarget::Host { host: EndpointHost::Ip(ip.parse().unwrap()), port } }
}

#[test]
fn reads_and_writes() {
    let socket =
        |path: &str| EndpointUrl { scheme: Scheme::Unix, target: EndpointTarget::Unix(path.to_owned()) };
    let srv = |name: &str| EndpointUrl { scheme: Scheme::Srv, target: EndpointTarget::Srv(name.to_owned()) };
    for (text, url, written) in [
        ("http://user-service:8080", at_name(Scheme::Http, "user-service", 8080), "http://user-service:8080"),
        ("http://a.example", at_name(Scheme::Http, "a.example", 80), "http://a.example:80"),
        ("https://a.example", at_name(Scheme::Https, "a.example", 443), "https://a.example:443"),
        ("HTTPS://A.Example.", at_name(Scheme::Https, "a.example", 443), "https://a.example:443"),
        ("grpc://inventory:50051", at_name(Scheme::Grpc, "inventory", 50051), "grpc://inventory:50051"),
        ("grpc://a", at_name(Scheme::Grpc, "a", 80), "grpc://a:80"),
        ("grpcs://a", at_name(Scheme::Grpcs, "a", 443), "grpcs://a:443"),
        ("h2c://a:1", at_name(Scheme::H2c, "a", 1), "h2c://a:1"),
        ("http://my_service:80", at_name(Scheme::Http, "my_service", 80), "http://my_service:80"),
        ("http://10.0.0.1:65535", at_ip(Scheme::Http, "10.0.0.1", 65535), "http://10.0.0.1:65535"),
        ("https://[::1]", at_ip(Scheme::Https, "::1", 443), "https://[::1]:443"),
        ("http://[FD00:0::1]:8080", at_ip(Scheme::Http, "fd00::1", 8080), "http://[fd00::1]:8080"),
        ("unix:/run/app.sock", socket("/run/app.sock"), "unix:/run/app.sock"),
        ("unix:run/a b.sock", socket("run/a b.sock"), "unix:run/a b.sock"),
        ("srv:_http._tcp.A.example", srv("_http._tcp.a.example"), "srv:_http._tcp.a.example"),
        ("srv: _http._tcp.a.example", srv("_http._tcp.a.example"), "srv:_http._tcp.a.example"),
    ] {
        assert_eq!(parse(text), Ok(url.clone()), "{text}");
        assert_eq!(url.to_string(), written);
    }
}

#[test]
fn knows_what_is_encrypted() {
    for (scheme, tls, grpc) in [
        (Scheme::Https, true, false),
        (Scheme::Grpcs, true, true),
        (Scheme::Grpc, false, true),
        (Scheme::H2c, false, false),
        (Scheme::Unix, false, false),
    ] {
        assert_eq!((scheme.is_tls(), scheme.is_grpc()), (tls, grpc), "{scheme:?}");
    }
}

#[test]
fn refuses_bad_schemes() {
    assert_refused(
        parse,
        &[
            ("", "", "the address of a service is missing here (write it like `http://localhost:3000`)"),
            ("localhost:3000", "localhost:3000", "a scheme is missing here (write `http://localhost:3000`)"),
            ("10.0.0.1", "10.0.0.1", "a scheme is missing here (write `http://10.0.0.1`)"),
            ("a b", "a b", "a scheme is missing here (write it like `http://localhost:3000`)"),
            (
                "/run/a.sock",
                "/run/a.sock",
                "a scheme is missing here (write `unix:/run/a.sock` for a socket)",
            ),
            ("http:/a", "http:/a", "two slashes are missing behind the scheme (write `http://a`)"),
            (
                "ws://a:1",
                "ws",
                "`ws` is no scheme of a service (write `http://a:1`, WebSockets pass over it)",
            ),
            (
                "wss://a",
                "wss",
                "`wss` is no scheme of a service (write `https://a`, WebSockets pass over it)",
            ),
            ("tcp://a:1", "tcp", "`tcp` is no scheme of a service (write `http://a:1`)"),
            ("htp://a:1", "htp", "`htp` is no scheme of a service (write `http://a:1`)"),
            (
                "redis://a",
                "redis",
                "`redis` is no scheme of a service (the schemes are `http`, `https`, `grpc`, `grpcs`, `h2c`, `unix:PATH` and `srv:NAME`)",
            ),
            (
                "unix://run/a.sock",
                "//run/a.sock",
                "no `//` stands in the path of a socket (write `unix:/run/a.sock`)",
            ),
            (
                "unix:///run/a.sock",
                "///run/a.sock",
                "no `//` stands in the path of a socket (write `unix:/run/a.sock`)",
            ),
            (
                "http://unix:/run/a.sock",
                "http://unix:/run/a.sock",
                "a socket has no scheme in front (write `unix:/run/a.sock`)",
            ),
        ],
    );
}

#[test]
fn refuses_bad_hosts_and_ports() {
    let number = "write a number from 1 to 65535";
    assert_refused(
        parse,
        &[
            ("http://", "", "a host is missing here (write it like `http://localhost:3000`)"),
            ("http://:8080", ":8080", "a host is missing here (write it like `http://localhost:3000`)"),
            ("http://a:", "", &format!("`` is no port ({number})")),
            ("http://a:0", "0", &format!("`0` is no port ({number})")),
            ("http://a:65536", "65536", &format!("`65536` is no port ({number})")),
            ("http://a:+80", "+80", &format!("`+80` is no port ({number})")),
            ("http://a:http", "http", &format!("`http` is no port ({number})")),
            ("http://[::1]x", "[::1]x", "`[::1]x` is no IPv6 address in brackets (write it like `[::1]`)"),
            ("http://::1", "::1", "`::1` is an IPv6 address without brackets (write `[::1]`)"),
            ("http://a b", " ", "` ` cannot stand in a host (hosts have letters, digits, `-`, `_` and dots)"),
            (
                "http://10.0.0.256",
                "10.0.0.256",
                "`10.0.0.256` is no IPv4 address, and no name ends in a number (write four numbers from 0 to 255: `10.0.0.1`)",
            ),
            (
                "http://bücher.example",
                "bücher.example",
                "`bücher.example` is not in ASCII (write the form that DNS has: `bücher.example` is `xn--bcher-kva.example`)",
            ),
            ("http://*.a", "*.a", "a star is no host to connect to"),
            (
                "srv:",
                "",
                "the name of an SRV record is missing here (write it like `_http._tcp.example.com`)",
            ),
            ("srv://a", "//a", "no `//` stands before the name of an SRV record (write `srv:a`)"),
            ("srv:a:80", ":80", "`80` is a port, which the SRV record tells (write `srv:a`)"),
            ("srv: a/b", "/", "`/` cannot stand in a host (hosts have letters, digits, `-`, `_` and dots)"),
        ],
    );
}

#[test]
fn refuses_what_an_address_has_not() {
    let long = format!("unix:/{}", "a".repeat(107));
    assert_refused(
        parse,
        &[
            (
                "http://a:1/",
                "/",
                "the address of a service has no slash at its end (write `http://a:1`; to remove what matched before the `*` write `strip_prefix: true` on the route)",
            ),
            (
                "http://a/v1/",
                "/v1/",
                "the address of a service has no path (write `http://a`, and `add_prefix: /v1` on the route)",
            ),
            ("http://a?b=c", "?b=c", "the address of a service has no query (write `http://a`)"),
            (
                "http://u:p@a/x",
                "u:p@",
                "a user stands in the address of a service (write `http://a`, and send credentials by a header that a policy sets)",
            ),
            (
                "http://u:p/w@a",
                "u:p/w@",
                "a user stands in the address of a service (write `http://a`, and send credentials by a header that a policy sets)",
            ),
            (
                "redis://u:p@a",
                "u:p@",
                "a user stands in the address of a service (write `http://a`, and send credentials by a header that a policy sets)",
            ),
            (
                "u:p@a:1",
                "u:p@",
                "a user stands in the address of a service (write `http://a:1`, and send credentials by a header that a policy sets)",
            ),
            (
                " https://u:p@a ",
                "u:p@",
                "a user stands in the address of a service (write `http://a`, and send credentials by a header that a policy sets)",
            ),
            ("unix:", "", "the path of a socket is missing (write it like `unix:/run/app.sock`)"),
            ("unix:/run/", "/run/", "the path of a socket is missing (write it like `unix:/run/app.sock`)"),
            ("unix:/a\0", "\0", "`\\u{0}` cannot stand in the path of a socket"),
            (
                "unix:/a.sock:/uri",
                ":/uri",
                "a path of requests stands behind the socket (write `unix:/a.sock`, and `/uri` as `add_prefix`)",
            ),
            (
                &long,
                &long[5..],
                "the path of this socket is too long (the system takes 107 bytes, these are 108)",
            ),
        ],
    );
}

proptest! {
    #[test]
    fn reads_back_what_it_writes(
        scheme in prop::sample::select(WITH_HOSTS.map(|(scheme, _)| scheme).to_vec()),
        host in prop_oneof![
            "[a-z_]{1,6}(\\.[a-z]{1,3}){0,2}".prop_map(EndpointHost::Name),
            any::<IpAddr>().prop_map(EndpointHost::Ip),
        ],
        port in 1u16..,
    ) {
        let url = EndpointUrl { scheme, target: EndpointTarget::Host { host, port } };
        prop_assert_eq!(parse(&url.to_string()), Ok(url));
    }

    #[test]
    fn reads_back_sockets(path in "/?[a-zé]{1,6}(/[a-z.é ]{0,4}[a-z.]){0,3}") {
        let target = EndpointTarget::Unix(path);
        let url = EndpointUrl { scheme: Scheme::Unix, target };
        prop_assert_eq!(parse(&url.to_string()), Ok(url));
    }

    #[test]
    fn never_panics(text in "\\PC*|(http|unix|srv|ws)?:(//)?[a-c:\\[\\]/@?.é 0-9-]{0,14}") {
        assert_no_panic(parse, &text);
    }
}
