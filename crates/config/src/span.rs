//! Places in the files of a configuration.
//!
//! A [`Span`] is a file and a range of its bytes; every node of the tree and every label of a problem has one. What
//! does not come from a file (a default, an empty document) has [`Span::NONE`].

use std::ops::Range;

/// Which file of a load: an index into its [`Texts`](crate::Texts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub(crate) u32);

/// A range of bytes in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The place of what stands in no file.
    pub const NONE: Self = Self { file: FileId(u32::MAX), start: 0, end: 0 };

    /// The bytes `range` of `file`. Offsets over 4 GiB are cut; files are far smaller.
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file, start: offset(range.start), end: offset(range.end.max(range.start)) }
    }

    /// Whether this is no place.
    pub fn is_none(self) -> bool {
        self.file == Self::NONE.file
    }

    /// The range of bytes.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The part `range` of this span, counted from its start.
    pub fn part(self, range: Range<usize>) -> Self {
        let start = self.start as usize;
        Self::new(self.file, start + range.start..start + range.end)
    }

    /// This place, or `other` if this is none.
    pub fn or(self, other: Self) -> Self {
        if self.is_none() { other } else { self }
    }
}
