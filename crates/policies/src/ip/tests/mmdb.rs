//! Writes databases in the format of `.mmdb` files, version 2.0: a tree over the bits of addresses, and records with a country. For tests only; no
//! address in two networks.

/// A database of IPv6, with IPv4 in its first 32 bits behind 96 zeros, in which each network is in the country.
pub(crate) fn countries(networks: &[(&str, &str)]) -> Vec<u8> {
    let records: Vec<_> = networks.iter().map(|&(network, country)| (network, record(country))).collect();
    write(&records, "Test-Country")
}

/// The same with records of any kind: each a value as the format has it.
pub(crate) fn write(networks: &[(&str, Vec<u8>)], kind: &str) -> Vec<u8> {
    // Each node has a place for the bit 0 and one for the bit 1: another node, nothing, or the place of a record.
    let (mut nodes, mut records) = (vec![[Branch::Nothing; 2]], Vec::new());
    for (network, record) in networks {
        let (address, length) = network.split_once('/').expect("the test writes networks");
        let length: u32 = length.parse().expect("the test writes lengths");
        let (bits, length) = match address.parse().expect("the test writes addresses") {
            std::net::IpAddr::V4(v4) => (u128::from(v4.to_bits()), length + 96),
            std::net::IpAddr::V6(v6) => (v6.to_bits(), length),
        };
        let mut at = 0;
        for depth in 0..length {
            let bit = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                nodes[at][bit] = Branch::Record(records.len());
            } else if let Branch::Node(next) = nodes[at][bit] {
                at = next;
            } else {
                nodes.push([Branch::Nothing; 2]);
                nodes[at][bit] = Branch::Node(nodes.len() - 1);
                at = nodes.len() - 1;
            }
        }
        records.extend_from_slice(record);
    }
    let count = nodes.len();
    let mut out = Vec::new();
    for branch in nodes.iter().flatten() {
        let number = match branch {
            Branch::Nothing => count,
            Branch::Node(number) => *number,
            Branch::Record(at) => count + 16 + at,
        };
        out.extend_from_slice(&u32::try_from(number).expect("a small database").to_be_bytes());
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&records);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let count = u32::try_from(count).expect("a small database").to_be_bytes();
    out.extend(map(&[
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![1, 2, 1]),
        ("database_type", text(kind)),
        ("description", map(&[])),
        ("ip_version", vec![0xa1, 6]),
        ("languages", vec![0, 4]),
        ("node_count", [&[0xc4][..], &count].concat()),
        ("record_size", vec![0xa1, 32]),
    ]));
    out
}

#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    Record(usize),
}

fn record(country: &str) -> Vec<u8> {
    map(&[("country", map(&[("iso_code", text(country))]))])
}

/// A text of up to 28 bytes.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 29).expect("a short text");
    [&[0x40 | length], text.as_bytes()].concat()
}

/// A map of up to 28 entries.
pub(crate) fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let length = u8::try_from(entries.len()).ok().filter(|length| *length < 29).expect("a small map");
    let entries = entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat());
    [0xe0 | length].into_iter().chain(entries).collect()
}
