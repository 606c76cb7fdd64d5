//! The path of a request and where its segments end: found when first asked for, and used by every walk over it and
//! by what notes the parts that have names.

use std::cell::OnceCell;

use smallvec::SmallVec;

/// The path of a request.
#[derive(Debug)]
pub(crate) struct SplitPath<'a> {
    text: &'a str,
    /// How many segments any pattern asks for.
    most: usize,
    segments: OnceCell<Segments>,
}

impl<'a> SplitPath<'a> {
    pub(crate) fn new(text: &'a str, most: usize) -> Self {
        Self { text, most, segments: OnceCell::new() }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn segments(&self) -> &Segments {
        self.segments.get_or_init(|| Segments::split(self.text.as_bytes(), self.most))
    }
}

/// The first segments of a path, as many as any pattern asks for.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// Where each segment ends: at the next slash, or at the end of the path.
    ends: SmallVec<[usize; 16]>,
    /// Whether the path goes on behind the last of them.
    more: bool,
}

impl Segments {
    /// Splits `path`, which begins with a slash, into at most `most` segments.
    pub(crate) fn split(path: &[u8], most: usize) -> Self {
        let mut segments = Self::default();
        for (at, &byte) in path.iter().enumerate().skip(1) {
            if segments.ends.len() == most {
                segments.more = true;
                return segments;
            }
            if byte == b'/' {
                segments.ends.push(at);
            }
        }
        if segments.ends.len() == most {
            segments.more = true;
        } else {
            segments.ends.push(path.len());
        }
        segments
    }

    /// Where segment `at` begins and ends in the path.
    #[inline]
    pub(crate) fn range(&self, at: usize) -> Option<(usize, usize)> {
        let end = *self.ends.get(at)?;
        Some((self.start(at), end))
    }

    /// Where segment `at` begins, behind its slash.
    #[inline]
    fn start(&self, at: usize) -> usize {
        self.end_of_first(at) + 1
    }

    /// Where the first `count` segments end; 0 for none of them.
    #[inline]
    pub(crate) fn end_of_first(&self, count: usize) -> usize {
        count.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }

    /// Whether the path has `count` segments and no more.
    #[inline]
    pub(crate) fn are(&self, count: usize) -> bool {
        !self.more && self.ends.len() == count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(path: &str, most: usize) -> (Vec<&str>, bool) {
        let segments = Segments::split(path.as_bytes(), most);
        let texts = (0..).map_while(|at| segments.range(at)).map(|(start, end)| &path[start..end]).collect();
        (texts, segments.more)
    }

    #[test]
    fn splits_at_every_slash() {
        assert_eq!(split("/", 9), (vec![""], false));
        assert_eq!(split("/a", 9), (vec!["a"], false));
        assert_eq!(split("/a//b/", 9), (vec!["a", "", "b", ""], false));
    }

    #[test]
    fn stops_where_no_pattern_looks() {
        assert_eq!(split("/a/b/c", 2), (vec!["a", "b"], true));
        assert_eq!(split("/a/b", 2), (vec!["a", "b"], false));
        assert_eq!(split("/a", 0), (vec![], true));
    }

    #[test]
    fn tells_where_the_first_ones_end() {
        let segments = Segments::split(b"/ab/c", 9);
        assert_eq!([0, 1, 2].map(|count| segments.end_of_first(count)), [0, 3, 5]);
        assert!(segments.are(2) && !segments.are(1) && !segments.are(3));
        assert!(!Segments::split(b"/ab/c", 1).are(1));
    }
}
