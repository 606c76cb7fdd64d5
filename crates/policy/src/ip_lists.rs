//! Sets of addresses, and the lists of them that a document has under names.
//! A list is compiled once, whoever uses it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use maitred_config::scalar::cidr;
use maitred_config::{Files, IpList, Named, NamedEntry, Problem, Problems};

/// Wrong lines of a file that are told one by one.
const TOLD: usize = 5;

/// Addresses: ranges that do not overlap, in order, so that hundreds of thousands are searched in a few steps.
#[derive(Debug, Default)]
pub struct Networks {
    v4: Box<[(Ipv4Addr, Ipv4Addr)]>,
    v6: Box<[(Ipv6Addr, Ipv6Addr)]>,
}

impl Networks {
    /// All addresses of these networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match network {
                IpNet::V4(network) => v4.push((network.network(), network.broadcast())),
                IpNet::V6(network) => v6.push((network.network(), network.broadcast())),
            }
        }
        Self { v4: merged(v4), v6: merged(v6) }
    }

    /// Whether an address is one of them. One of IPv4 that came in the dress of IPv6 (`::ffff:10.0.0.1`) is one of IPv4.
    pub fn contain(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => lies_in(&self.v4, address),
            IpAddr::V6(address) => lies_in(&self.v6, address),
        }
    }

    /// Whether there is no address.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

fn merged<T: Copy + Ord>(mut ranges: Vec<(T, T)>) -> Box<[(T, T)]> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let overlaps = next.0 <= last.1;
        if overlaps {
            last.1 = last.1.max(next.1);
        }
        overlaps
    });
    ranges.into()
}

fn lies_in<T: Copy + Ord>(ranges: &[(T, T)], address: T) -> bool {
    let behind = ranges.partition_point(|range| range.0 <= address);
    behind.checked_sub(1).is_some_and(|at| address <= ranges[at].1)
}

/// The lists of a document, by name.
#[derive(Debug, Default)]
pub struct IpLists(HashMap<Box<str>, Arc<Networks>>);

impl IpLists {
    /// Compiles those that are written. What is wrong with their files goes to `problems`.
    pub fn compile(written: &Named<IpList>, files: &dyn Files, problems: &mut Problems) -> Self {
        let list = |entry: &NamedEntry<IpList>| {
            let mut networks = entry.value.networks.clone();
            for file in &entry.value.files {
                if let Err(found) = read(file.as_path(), files, &mut networks) {
                    for problem in found {
                        problems.push(problem.at(entry.span));
                    }
                }
            }
            (entry.name.clone(), Arc::new(Networks::new(networks)))
        };
        let mut lists: HashMap<_, _> = written.iter().map(list).collect();
        // Those that could not be read are there, though: nobody is told that they do not exist.
        for name in written.names() {
            lists.entry(name.into()).or_default();
        }
        Self(lists)
    }

    /// The list of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Networks>> {
        self.0.get(name)
    }

    /// The names that there are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

/// Reads a file with a network or an address on each line.
fn read(path: &Path, files: &dyn Files, networks: &mut Vec<IpNet>) -> Result<(), Vec<Problem>> {
    let unreadable =
        |why: String| vec![Problem::error(format!("`{}` cannot be read: {why}", path.display()))];
    let bytes = files.read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    let mut wrong = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let entry = line.split(['#', ';']).next().unwrap_or_default().trim();
        if entry.is_empty() {
            continue;
        }
        match cidr::parse(entry) {
            Ok(network) => networks.push(network),
            Err(why) => {
                let problem = Problem::error(format!("`{}:{number}`: {}", path.display(), why.message));
                wrong.push(problem.help_if(why.help));
            }
        }
    }
    if wrong.len() > TOLD {
        let more = wrong.len() - TOLD;
        wrong.truncate(TOLD);
        wrong.push(Problem::error(format!("`{}`: {more} more lines are wrong", path.display())));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use maitred_config::{Memory, Style, Texts, read_text};

    use super::*;

    fn compile(yaml: &str, file: &str) -> (IpLists, String) {
        let written = read_text(yaml).expect("the test's lists are good");
        let mut problems = Problems::new();
        let lists = IpLists::compile(&written, &Memory::new().with("list.txt", file), &mut problems);
        (lists, problems.render(&Texts::default(), Style::Plain))
    }

    #[test]
    fn the_search_finds_what_a_walk_finds() {
        let network = |i: u32| {
            let text = format!("{}.{}.0.0/{}", i * 37 % 256, i * 11 % 256, 12 + i % 17);
            text.parse::<IpNet>().expect("a network").trunc()
        };
        let written: Vec<IpNet> = (0..200).map(network).collect();
        let networks = Networks::new(written.iter().copied());
        for i in 0..20_000u32 {
            let address = IpAddr::from((i.wrapping_mul(2_654_435_761)).to_be_bytes());
            let found = written.iter().any(|network| network.contains(&address));
            assert_eq!(networks.contain(address), found, "{address}");
        }
    }

    #[test]
    fn a_search_takes_no_memory() {
        let networks =
            Networks::new((0..100_000u32).map(|i| IpNet::from(IpAddr::from((i * 40_000).to_be_bytes()))));
        let told = allocation_counter::measure(|| {
            assert!(networks.contain("0.0.156.64".parse().expect("an address")));
            assert!(!networks.contain("0.0.156.65".parse().expect("an address")));
        });
        assert_eq!(told.count_total, 0);
    }

    #[test]
    fn a_file_has_a_network_on_each_line_and_comments() {
        let file = "# ours\r\n10.0.0.0/8 ; the office\n\n  192.0.2.7\t# the printer\n2001:db8::/32";
        let (lists, told) = compile("{ ours: { networks: 198.51.100.0/24, files: list.txt } }", file);
        assert_eq!(told, "");
        let ours = lists.find("ours").expect("it is there");
        for (address, is) in [
            ("10.255.255.255", true),
            ("::ffff:10.0.0.1", true),
            ("11.0.0.0", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("198.51.100.1", true),
            ("2001:db8::1", true),
            ("2001:db9::", false),
        ] {
            assert_eq!(ours.contain(address.parse().expect("an address")), is, "{address}");
        }
    }

    #[test]
    fn wrong_lines_are_told_with_their_numbers() {
        let (_, told) = compile("{ ours: { files: list.txt } }", "10.0.0.0/8\n10.0.0.0/99 # no\nsomewhere\n");
        assert!(told.contains("`list.txt:2`: `99` is no prefix length"), "{told}");
        assert!(told.contains("`list.txt:3`: `somewhere` is no network and no address"), "{told}");
        let (_, told) = compile("{ ours: { files: list.txt } }", &"x\n".repeat(1000));
        assert!(told.contains("`list.txt:5`") && told.contains("995 more lines are wrong"), "{told}");
        assert!(!told.contains("`list.txt:6`"), "{told}");
        let (_, told) = compile("{ ours: { files: absent.txt } }", "");
        assert!(told.contains("`absent.txt` cannot be read"), "{told}");
    }
}
