//! Bodies as policies see them: whole, or piece by piece as they pass. A policy that asks for neither never touches one.
//! Reading and sending them is the engine's business.

use std::fmt;

use maitred_http::Fields;

use crate::fault::Fault;

/// Changes a body on its way. It does no I/O and knows no time: pieces come as they come, in any size.
pub trait BodyFilter {
    /// Takes the next piece, and appends to `out` what goes on.
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault>;

    /// The body has ended with these trailers. Appends to `out` what is left, and answers with the trailers that go on.
    fn finish(&mut self, trailers: Option<Fields>, out: &mut Vec<u8>) -> Result<Option<Fields>, Fault>;

    /// Whether what goes on is as long as what came, as from one that only looks: then the length that was announced stays.
    fn keeps_length(&self) -> bool {
        false
    }

    /// Whether the answer of a service is to be read on although its client has gone, because others wait for it: asked then, and
    /// before each piece that comes. It may take a minute more.
    fn outlives_client(&self) -> bool {
        false
    }
}

/// A body that was read to its end.
#[derive(Clone, Debug, Default)]
pub struct WholeBody {
    /// Its bytes; changes go on.
    pub bytes: Vec<u8>,
    /// What came behind it.
    pub trailers: Option<Fields>,
}

/// Filters, in the order in which a body passes them.
#[derive(Default)]
pub struct Filters(Vec<Box<dyn BodyFilter>>);

impl Filters {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one behind the others.
    pub fn add(&mut self, filter: Box<dyn BodyFilter>) {
        self.0.push(filter);
    }
}

impl fmt::Debug for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} filters", self.0.len())
    }
}

impl BodyFilter for Filters {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let Some((last, first)) = self.0.split_last_mut() else {
            out.extend_from_slice(piece);
            return Ok(());
        };
        let mut passed = None;
        for filter in first {
            let mut next = Vec::new();
            filter.push(passed.as_deref().unwrap_or(piece), &mut next)?;
            passed = Some(next);
        }
        last.push(passed.as_deref().unwrap_or(piece), out)
    }

    fn finish(&mut self, mut trailers: Option<Fields>, out: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
        let mut passed = Vec::new();
        for filter in &mut self.0 {
            let mut next = Vec::new();
            if !passed.is_empty() {
                filter.push(&passed, &mut next)?;
            }
            trailers = filter.finish(trailers, &mut next)?;
            passed = next;
        }
        out.extend_from_slice(&passed);
        Ok(trailers)
    }

    fn keeps_length(&self) -> bool {
        self.0.iter().all(|filter| filter.keeps_length())
    }

    fn outlives_client(&self) -> bool {
        self.0.iter().any(|filter| filter.outlives_client())
    }
}

/// The body of a request, in the request hook.
#[derive(Debug, Default)]
pub struct RequestBody {
    /// All of it, for policies that say in [`Needs`](crate::Needs) that they need it, and those after them.
    pub whole: Option<Box<WholeBody>>,
    /// What it passes on its way to the service.
    pub filters: Filters,
    /// Set it to have the response read to its end before the response hooks run.
    pub wants_whole_response: bool,
}

/// The body of a response, in the response hook.
#[derive(Debug, Default)]
pub struct ResponseBody {
    /// All of it, where a request hook asked for that and a service answered.
    pub whole: Option<Box<WholeBody>>,
    /// What it passes on its way to the client.
    pub filters: Filters,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says each byte twice, and at the end its name.
    struct Twice(&'static str);

    impl BodyFilter for Twice {
        fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
            out.extend(piece.iter().flat_map(|&byte| [byte, byte]));
            Ok(())
        }

        fn finish(&mut self, trailers: Option<Fields>, out: &mut Vec<u8>) -> Result<Option<Fields>, Fault> {
            out.extend_from_slice(self.0.as_bytes());
            let mut trailers = trailers.unwrap_or_default();
            trailers.append_bytes(b"X-Passed", self.0.as_bytes());
            Ok(Some(trailers))
        }
    }

    #[test]
    fn a_body_passes_filters_in_order() {
        let mut filters = Filters::default();
        let mut out = Vec::new();
        filters.push(b"ab", &mut out).unwrap();
        assert!(filters.finish(None, &mut out).unwrap().is_none());
        assert_eq!(out, b"ab");
        filters.add(Box::new(Twice("x")));
        filters.add(Box::new(Twice("y")));
        let mut out = Vec::new();
        filters.push(b"a", &mut out).unwrap();
        assert_eq!(out, b"aaaa");
        out.clear();
        let trailers = filters.finish(None, &mut out).unwrap().unwrap();
        assert_eq!(out, b"xxy");
        let passed: Vec<_> = trailers.iter().map(|(_, value)| value.to_vec()).collect();
        assert_eq!(passed, [b"x", b"y"]);
    }
}
