//! Marks in a store, by which answers there are out of date without being looked for: on a URL, on a folder for all that is below, and on a tag.
//!
//! An answer tells which marks were on the way to its URL before its service was asked, and counts for as long as these are there: no clock matters. Which
//! tags an answer has is known only once it came, so that the mark on a tag tells when it was made.

use aws_lc_rs::digest::{Context, SHA256};

use super::purge::Purge;

/// Folders further down have no marks of their own.
const MOST_FOLDERS: usize = 8;
/// By how much the clocks of replicas may differ, in microseconds.
const SKEW: u64 = 10_000_000;

/// Where a mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    /// On a URL.
    Url(&'a [u8]),
    /// On all that is below a folder; on everything, where that is empty.
    Below(&'a [u8]),
    /// On all that has a tag.
    Tag(&'a [u8]),
}

impl<'a> Mark<'a> {
    /// The mark that voids at least what a purge removes: of a prefix, the folder that it is in.
    pub(super) fn of(purge: &'a Purge) -> Self {
        match purge {
            Purge::Key(key) => Self::Url(key),
            Purge::Prefix(prefix) => Self::Below(folders(prefix).last().unwrap_or_default()),
            Purge::Tag(tag) => Self::Tag(tag),
            Purge::All => Self::Below(b""),
        }
    }

    /// All that may void an answer by its URL.
    pub(super) fn on_the_way(url: &'a [u8]) -> impl Iterator<Item = Self> {
        let everything = [Self::Below(b"")].into_iter();
        everything.chain(folders(url).map(Self::Below)).chain([Self::Url(url)])
    }

    /// Whether it is on the way to a URL.
    pub(super) fn covers(self, url: &[u8]) -> bool {
        match self {
            Self::Url(marked) => marked == url,
            Self::Below(folder) => url.starts_with(folder),
            Self::Tag(_) => false,
        }
    }

    /// What it is called in the store.
    pub(super) fn name(self) -> String {
        let (kind, value) = match self {
            Self::Url(url) => ("url", url),
            Self::Below(folder) => ("below", folder),
            Self::Tag(tag) => ("tag", tag),
        };
        name(kind, &digest(&[value]))
    }
}

/// The folders of a URL, from the uppermost on: `https://shop.example/`, `https://shop.example/api/`.
fn folders(url: &[u8]) -> impl Iterator<Item = &[u8]> {
    let origin_end = url.windows(3).position(|three| three == b"://").map_or(url.len(), |at| at + 3);
    let path_end = url.iter().position(|&byte| byte == b'?').unwrap_or(url.len());
    let ends = (origin_end..path_end).filter(|&at| url[at] == b'/');
    ends.take(MOST_FOLDERS).map(|at| &url[..=at])
}

/// What a mark says: no other says the same.
pub(super) fn stamp(wall: u64, replica: u64, number: u64) -> Vec<u8> {
    [wall, replica, number].iter().flat_map(|part| part.to_be_bytes()).collect()
}

/// Whether the mark on a tag voids an answer whose service was asked then. What is no mark does.
pub(super) fn voids(mark: &[u8], asked: u64) -> bool {
    let at = mark.first_chunk().filter(|_| mark.len() == 24).map_or(u64::MAX, |at| u64::from_be_bytes(*at));
    asked <= at.saturating_add(SKEW)
}

/// SHA-256 over parts, put together so that no others come to the same.
pub(super) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Context::new(&SHA256);
    for part in parts {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    *digest.finish().as_ref().first_chunk().expect("a SHA-256 has 32 bytes")
}

/// A name in the store.
pub(super) fn name(kind: &str, digest: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    let mut name = format!("{kind}:");
    for byte in digest {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_purge_removes_its_mark_covers() {
        let urls = [
            "https://a.example/",
            "https://a.example/x",
            "https://a.example/x/y/z?q=/1/",
            "http://a.example/1/2/3/4/5/6/7/8/9/10",
            "https://b.example:8443/x/",
        ];
        for url in urls.map(str::as_bytes) {
            for end in 1..=url.len() {
                let purge = Purge::Prefix(url[..end].into());
                let mark = Mark::of(&purge);
                assert!(mark.covers(url) && Mark::on_the_way(url).any(|other| other == mark), "{mark:?}");
            }
            let own = Purge::Key(url.into());
            assert!(Mark::on_the_way(url).any(|other| other == Mark::of(&own)));
            assert!(Mark::on_the_way(url).any(|other| other == Mark::of(&Purge::All)));
        }
    }

    #[test]
    fn marks_cover_no_more_than_their_folder() {
        let of = |prefix: &str| match Mark::of(&Purge::Prefix(prefix.as_bytes().into())) {
            Mark::Below(folder) => String::from_utf8(folder.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(of("https://a.example/x/y"), "https://a.example/x/");
        assert_eq!(of("https://a.example"), "");
        assert_eq!(of("https://a.example/x?y/"), "https://a.example/");
        assert_eq!(of("http://a/1/2/3/4/5/6/7/8/9/"), "http://a/1/2/3/4/5/6/7/");
        assert!(!Mark::Below(b"https://a/x/").covers(b"https://a/x"));
        // A URL that is a folder has a mark of its own.
        assert_ne!(Mark::Below(b"https://a/").name(), Mark::Url(b"https://a/").name());
        assert_ne!(Mark::Below(b"https://a/").name(), Mark::Below(b"https://b/").name());
    }

    #[test]
    fn marks_on_tags_void_what_was_asked_for_before() {
        let mark = stamp(50_000_000, 1, 2);
        assert!(voids(&mark, 0) && voids(&mark, 60_000_000) && !voids(&mark, 60_000_001));
        assert!(voids(b"", 60_000_001) && voids(&[0; 23], 60_000_001) && voids(&[0; 25], 60_000_001));
    }
}
