//! Headers right and wrong, at every split; headers as `HAProxy` writes them.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;

/// A header that has to be whole, with nothing behind it.
fn whole(bytes: &[u8]) -> Header {
    match parse(bytes) {
        Ok(Progress::Done { header, length }) if length == bytes.len() => header,
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

fn refused(bytes: &[u8]) -> &'static str {
    match parse(bytes) {
        Err(malformed) => malformed.as_str(),
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

fn ends(header: &Header) -> Option<(String, String)> {
    match header.addresses.as_ref()? {
        Addresses::Tcp { source, destination } => Some((source.to_string(), destination.to_string())),
        Addresses::Unix { source, destination } => {
            Some((source.escape_ascii().to_string(), destination.escape_ascii().to_string()))
        }
    }
}

/// A header of version 2.
fn v2(command: u8, kind: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, kind][..], &length, &rest].concat()
}

fn vector(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind][..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

const TCP4: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 4, 1, 0xbb];

/// A header for TCP over IPv4 with these vectors.
fn with(vectors: &[&[u8]]) -> Vec<u8> {
    v2(0x21, 0x11, &[TCP4, &vectors.concat()])
}

/// The same, with its checksum behind them.
fn with_sum(vectors: &[&[u8]]) -> Vec<u8> {
    let mut header = with(&[&vectors.concat(), &vector(3, &[0; 4])]);
    let sum = crc32c::crc32c(header.iter().copied());
    let at = header.len() - 4;
    header[at..].copy_from_slice(&sum.to_be_bytes());
    header
}

/// What `SSL` says of a client: its flags, the result of verifying, and its common name.
fn ssl(client: u8, verify: u32, name: &[u8]) -> Vec<u8> {
    vector(
        0x20,
        &[&[client][..], &verify.to_be_bytes(), &vector(0x21, b"TLSv1.3"), &vector(0x22, name)].concat(),
    )
}

#[test]
fn lines_are_read() {
    let longest = b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert_eq!(longest.len(), v1::LONGEST);
    for (line, expected) in [
        (
            &b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"[..],
            Some(("192.168.0.1:56324", "192.168.0.11:443")),
        ),
        (b"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", Some(("255.255.255.255:65535", "0.0.0.0:0"))),
        (b"PROXY TCP6 2001:DB8::1 ::1 1 2\r\n", Some(("[2001:db8::1]:1", "[::1]:2"))),
        (b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6402 1 2\r\n", Some(("192.0.2.1:1", "198.51.100.2:2"))),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN \xff \0 anything\r\n", None),
        (longest, None),
    ] {
        let header = whole(line);
        let expected = expected.map(|(source, destination)| (source.to_owned(), destination.to_owned()));
        assert_eq!((ends(&header), header.version), (expected, Version::V1), "{}", line.escape_ascii());
    }
}

#[test]
fn lines_that_are_not_exactly_right_are_refused() {
    let too_long = [b"PROXY UNKNOWN ", &[b'x'; 92][..], b"\r\n"].concat();
    assert_eq!(too_long.len(), v1::LONGEST + 1);
    for line in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXYTCP4",
        b"POST / HTTP/1.1\r\n",
        b"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rG",
        b"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        b"PROXY TCP6 [::1] ::1 1 2\r\n",
        b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n",
        b"PROXY TCP4 \xff 192.0.2.2 1 2\r\n",
        b"PROXY \r\n",
        &too_long,
        &too_long[..106],
    ] {
        refused(line);
    }
}

#[test]
fn bytes_are_read() {
    let header = whole(&v2(0x21, 0x11, &[TCP4]));
    assert_eq!(header.version, Version::V2);
    assert_eq!(ends(&header), Some(("192.0.2.1:56324".into(), "198.51.100.2:443".into())));
    let mapped: Ipv6Addr = "::ffff:192.0.2.1".parse().unwrap();
    let ipv6: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let header = whole(&v2(0x21, 0x21, &[&mapped.octets(), &ipv6.octets(), &[0, 1, 0, 2]]));
    assert_eq!(ends(&header), Some(("192.0.2.1:1".into(), "[2001:db8::1]:2".into())));
    let mut paths = [0; 216];
    paths[..4].copy_from_slice(b"/a/b");
    paths[108..111].copy_from_slice(b"\0ab");
    let header = whole(&v2(0x21, 0x31, &[&paths]));
    assert_eq!(ends(&header), Some(("/a/b".into(), "\\x00ab".into())));
}

#[test]
fn what_says_nothing_of_the_client_is_taken_as_that() {
    for header in [
        v2(0x20, 0x00, &[]),
        // The family of the proxy's own connections is ignored, and whatever follows.
        v2(0x20, 0xff, &[b"anything"]),
        v2(0x20, 0x11, &[TCP4, &vector(2, b"a.example")]),
        v2(0x21, 0x00, &[]),
        v2(0x21, 0x00, &[b"anything"]),
        v2(0x21, 0x01, &[TCP4]),
        v2(0x21, 0x10, &[TCP4]),
        v2(0x21, 0x12, &[TCP4]),
        v2(0x21, 0x32, &[&[0; 216]]),
    ] {
        assert_eq!(whole(&header), Header::silent(Version::V2), "{}", header.escape_ascii());
    }
}

#[test]
fn bytes_that_are_not_exactly_right_are_refused() {
    let no_signature = [b"\r\n\r\n\0\r\nQUIT\r", &v2(0x21, 0x11, &[TCP4])[12..]].concat();
    for header in [
        no_signature,
        b"\r\nGET".to_vec(),
        v2(0x11, 0x11, &[TCP4]),
        v2(0x22, 0x11, &[TCP4]),
        v2(0x21, 0x41, &[TCP4]),
        v2(0x21, 0x13, &[TCP4]),
        v2(0x21, 0x11, &[&TCP4[..11]]),
        v2(0x21, 0x21, &[&[0; 35]]),
        v2(0x21, 0x31, &[&[0; 215]]),
        v2(0x21, 0x00, &[&[0; 4081]]),
        with(&[&[4]]),
        with(&[&[4, 0]]),
        with(&[&[4, 0, 2, 0]]),
        with(&[&vector(2, b"a.example"), &vector(2, b"a.example")]),
        with(&[&vector(2, b"a\nb")]),
        with(&[&vector(2, b"\xff")]),
        with(&[&vector(5, &[1; 129])]),
        with(&[&vector(3, &[0; 3])]),
        with(&[&vector(3, &[0; 4])]),
        with(&[&with_sum(&[])[28..], &with_sum(&[])[28..]]),
        with(&[&vector(0x20, &[1, 0, 0, 0])]),
        with(&[&vector(0x20, &[1, 0, 0, 0, 0, 0x22, 0, 9, b'a'])]),
        with(&[&ssl(7, 0, b"joe"), &ssl(7, 0, b"joe")]),
    ] {
        refused(&header);
    }
    // The largest is taken.
    whole(&v2(0x21, 0x00, &[&[0; MAX_HEADER - 16]]));
}

#[test]
fn what_cannot_become_a_header_is_refused_at_once() {
    let long = v2(0x21, 0x11, &[&[0; 4081]]);
    for (bytes, at) in [
        (&b"X"[..], 1),
        (b"PX", 2),
        (b"\r\n\rx", 4),
        (&v2(0x31, 0x11, &[TCP4]), 13),
        (&v2(0x21, 0x51, &[TCP4]), 16),
        (&v2(0x21, 0x11, &[&TCP4[..11]]), 16),
        (&long, 16),
    ] {
        refused(&bytes[..at]);
        assert!(matches!(parse(&bytes[..at - 1]), Ok(Progress::More(_))));
    }
}

#[test]
fn what_is_of_use_is_kept() {
    let vectors = [
        vector(1, b"h2"),
        vector(4, &[0; 9]),
        vector(2, "bücher.example".as_bytes()),
        vector(5, b"\0\xffid"),
        vector(0xea, b"vpce-1"),
        ssl(1 | 2, 0, b"joe"),
    ];
    let vectors: Vec<&[u8]> = vectors.iter().map(Vec::as_slice).collect();
    for header in [with(&vectors), with_sum(&vectors)] {
        let header = whole(&header);
        assert_eq!(header.authority.as_deref(), Some("bücher.example"));
        assert_eq!(header.unique_id.as_deref(), Some(&b"\0\xffid"[..]));
        let tls = header.tls.expect("TLS");
        assert_eq!((tls.verified, tls.client_name.as_deref()), (true, Some("joe")));
    }
    let nothing = whole(&with(&[&vector(2, b""), &vector(5, b""), &vector(0x20, b"")]));
    assert_eq!((nothing.authority, nothing.unique_id, nothing.tls), (None, None, None));
}

#[test]
fn only_a_verified_name_is_believed() {
    let tls = |client, verify, name: &[u8]| {
        whole(&with(&[&ssl(client, verify, name)])).tls.map(|tls| (tls.verified, tls.client_name))
    };
    assert_eq!(tls(1 | 2, 0, b"joe"), Some((true, Some("joe".into()))));
    assert_eq!(tls(1 | 4, 0, b"joe"), Some((true, Some("joe".into()))));
    assert_eq!(tls(1 | 2, 0, b""), Some((true, None)));
    assert_eq!(tls(1 | 2, 18, b"joe"), Some((false, None)));
    assert_eq!(tls(1, 0, b"joe"), Some((false, None)), "no certificate was shown");
    assert_eq!(tls(0, 0, b"joe"), None, "no TLS was spoken");
}

#[test]
fn a_flipped_bit_fails_the_checksum_or_more() {
    let header = with_sum(&[&vector(2, b"a.example"), &vector(5, b"id")]);
    let kind_of_sum = header.len() - 7;
    for bit in (0..header.len() * 8).filter(|bit| bit / 8 != kind_of_sum) {
        let mut flipped = header.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // A connection of the proxy's own has no vectors, nor has one of another kind; another length is another header.
        let still =
            matches!(parse(&flipped), Ok(Progress::Done { header: Header { addresses: Some(_), .. }, .. }));
        assert!(!still, "bit {bit}: {}", flipped.escape_ascii());
    }
}

/// What `HAProxy` 2.6 sent, with `proxy-v2-options ssl,cert-cn,ssl-cipher,crc32c,unique-id,authority` where it is long.
#[test]
fn what_haproxy_sends_is_read() {
    let header = whole(
        b"\r\n\r\n\0\r\nQUIT\n!\x11\0f\x7f\0\0\x01\x7f\0\0\x01\xe0|D#\x03\0\x04@+\xb6N\x02\0\x0fapi.example.com\x05\0\r7F000001:E07C \0.\x07\0\0\0\0!\0\x07TLSv1.3\"\0\x03joe#\0\x16TLS_AES_256_GCM_SHA384",
    );
    assert_eq!(ends(&header), Some(("127.0.0.1:57468".into(), "127.0.0.1:17443".into())));
    assert_eq!(header.authority.as_deref(), Some("api.example.com"));
    assert_eq!(header.unique_id.as_deref(), Some(&b"7F000001:E07C"[..]));
    assert_eq!(header.tls, Some(ProxiedTls { verified: true, client_name: Some("joe".into()) }));
    // Without a certificate its result of verifying is 0, too.
    let header = whole(
        b"\r\n\r\n\0\r\nQUIT\n!\x11\0N\x7f\0\0\x01\x7f\0\0\x01\xe0\x86D#\x03\0\x04\xe9U\xa0\x01\x05\0\r7F000001:E086 \0(\x01\0\0\0\0!\0\x07TLSv1.3#\0\x16TLS_AES_256_GCM_SHA384",
    );
    assert_eq!(
        (header.authority, header.tls),
        (None, Some(ProxiedTls { verified: false, client_name: None }))
    );
    let check = b"\r\n\r\n\0\r\nQUIT\n \0\0\0";
    let line = b"PROXY TCP4 127.0.0.1 127.0.0.1 59490 17442\r\n";
    let bytes = b"\r\n\r\n\0\r\nQUIT\n!!\0$\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xd1ND!";
    assert_eq!(whole(check).addresses, None);
    for (version, sent) in [(Version::V1, &line[..]), (Version::V2, bytes), (Version::V2, check)] {
        let ends = match whole(sent).addresses {
            Some(Addresses::Tcp { source, destination }) => Some((source, destination)),
            _ => None,
        };
        let mut written = Vec::new();
        write(version, ends, &mut written);
        assert_eq!(written.escape_ascii().to_string(), sent.escape_ascii().to_string());
    }
}

#[test]
fn what_is_written_is_read() {
    for (source, destination, line) in [
        ("192.0.2.1:1", "198.51.100.2:443", &b"PROXY TCP4 192.0.2.1 198.51.100.2 1 443\r\n"[..]),
        ("[2001:db8::1]:1", "[::1]:2", b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n"),
        ("192.0.2.1:1", "[::1]:2", b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"),
    ] {
        let (mut out, ends) = (Vec::new(), (source.parse().unwrap(), destination.parse().unwrap()));
        write(Version::V1, Some(ends), &mut out);
        assert_eq!(out.escape_ascii().to_string(), line.escape_ascii().to_string());
    }
    let mut out = Vec::new();
    write(Version::V1, None, &mut out);
    assert_eq!(out, b"PROXY UNKNOWN\r\n");
    out.clear();
    write(Version::V2, None, &mut out);
    assert_eq!(out, v2(0x20, 0, &[]));
    out.clear();
    write(
        Version::V2,
        Some(("192.0.2.1:56324".parse().unwrap(), "198.51.100.2:443".parse().unwrap())),
        &mut out,
    );
    assert_eq!(out, v2(0x21, 0x11, &[TCP4]));
}

/// Headers that are whole, with all that they can have.
fn any_header() -> impl Strategy<Value = Vec<u8>> {
    let vectors = prop::collection::vec((6u8..0x20, prop::collection::vec(any::<u8>(), 0..9)), 0..4)
        .prop_map(|vectors| {
            vectors.iter().map(|(kind, value)| vector(*kind, value)).collect::<Vec<_>>().concat()
        });
    prop_oneof![
        (any::<(SocketAddr, SocketAddr)>(), any::<bool>()).prop_map(|(ends, first)| {
            let mut out = Vec::new();
            write(if first { Version::V1 } else { Version::V2 }, Some(ends), &mut out);
            out
        }),
        "PROXY UNKNOWN( [ -~]{0,90})?\r\n".prop_map(String::into_bytes),
        vectors.prop_map(|vectors| with_sum(&[&vectors, &vector(2, b"a.example")])),
        prop::collection::vec(any::<u8>(), 216..300).prop_map(|rest| v2(0x20, 0x31, &[&rest])),
    ]
}

proptest! {
    #[test]
    fn both_versions_tell_the_same_ends(source: SocketAddr, destination: SocketAddr) {
        for version in [Version::V1, Version::V2] {
            let mut out = Vec::new();
            write(version, Some((source, destination)), &mut out);
            let header = whole(&out);
            prop_assert_eq!(header.version, version);
            prop_assert_eq!(header.addresses, Some(Addresses::tcp(source, destination)));
        }
    }

    /// Read in the smallest steps that are announced, a header comes out whole, and nothing behind it is taken.
    #[test]
    fn a_header_is_read_exactly(header in any_header(), behind in prop::collection::vec(any::<u8>(), 0..20)) {
        let bytes = [&header[..], &behind].concat();
        let expected = parse(&bytes);
        let mut read = 0;
        let done = loop {
            match parse(&bytes[..read]) {
                Ok(Progress::More(more)) => {
                    prop_assert!(more > 0 && read + more <= header.len(), "{} at {}", more, read);
                    read += more;
                }
                done => break done,
            }
        };
        prop_assert_eq!(read, header.len());
        prop_assert_eq!(&done, &expected);
        prop_assert!(done.is_ok());
    }

    #[test]
    fn no_bytes_make_it_panic_or_change_its_mind(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "PROXY (TCP[46]|UNKNOWN)[ 0-9a-f:.\r\n]{0,110}".prop_map(String::into_bytes),
        (any_header(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut header, at, byte)| {
            let at = at.index(header.len());
            header[at] = byte;
            header
        }),
    ]) {
        let verdict = parse(&bytes);
        for end in 0..bytes.len() {
            match parse(&bytes[..end]) {
                Ok(Progress::More(_)) => {}
                Ok(Progress::Done { length, .. }) => {
                    prop_assert!(length <= end);
                    prop_assert_eq!(&parse(&bytes[..end]), &verdict);
                }
                Err(_) => prop_assert!(verdict.is_err()),
            }
        }
    }
}
