//! Limits what JSON in the body of a request may be made of: for services whose parsers can be brought to their knees.
//!
//! Bodies are read as they stream by, and nothing is kept of them. What is no JSON (RFC 8259, to the letter: no comments, no second value, UTF-8)
//! is answered 400, and so is a name that stands twice in an object where `unique_keys` is on. What is more than it may be is answered 413. A
//! small body is judged before the service gets a byte of it; the service sees a larger one break off where it is refused, and answers that it
//! began before then reach the client. How large a body may be as a whole is the business of `request_size`.
//!
//! Looked at are bodies whose `Content-Type` is `application/json`, `text/json` or ends with `+json`. Services that read JSON whatever the
//! type says need `any_type: true`; a page of another site can send `text/plain` without a preflight. Messages in frames (gRPC, gRPC-Web and
//! streams of Connect, whose types end with `+json` too) pass unseen: they are told by their first byte, with which no JSON begins. A body with a `Content-Encoding` cannot be
//! looked into, and is answered 415, unless `encoded: true` lets it pass unseen.

use maitred_config::{ByteSize, Fields, Problem, Reader, config_map};
use maitred_http::{Fields as HeaderFields, Known, RequestHead};
use maitred_policy::{
    BodyFilter, Build, Facts, Fault, Phase, Policy, PolicyKind, RequestBody, RequestCx, Step, Verdict,
};

mod names;
mod scanner;
#[cfg(test)]
mod tests;
mod utf8;

use scanner::{JsonBounds, JsonFault, JsonScanner};

config_map! {
    /// What JSON may be made of.
    #[check = JsonLimitsConfig::check]
    pub struct JsonLimitsConfig {
        /// Objects and arrays inside each other.
        #[main]
        depth: u32 = 32,
        /// Names in one object.
        keys: u32 = 1000,
        /// Elements of one array.
        elements: u32 = 10000,
        /// The longest name, as it is written between its quotes.
        names: ByteSize = "256B",
        /// The longest text, likewise.
        strings: ByteSize = "1MiB",
        /// Characters of the longest number.
        numbers: u32 = 64,
        /// Whether a name may stand only once in an object. Of two, some services take the first, and others the last.
        unique_keys: bool = false,
        /// Whether bodies are looked at whatever their `Content-Type` says.
        any_type: bool = false,
        /// Whether bodies with a `Content-Encoding` pass, unseen.
        encoded: bool = false,
    }
}

impl JsonLimitsConfig {
    fn bounds(&self) -> JsonBounds {
        JsonBounds {
            depth: usize::try_from(self.depth).unwrap_or(usize::MAX),
            keys: self.keys.into(),
            elements: self.elements.into(),
            name: self.names.0,
            string: self.strings.0,
            number: self.numbers.into(),
            unique_keys: self.unique_keys,
        }
    }

    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let limits = [
            ("depth", u64::from(self.depth)),
            ("keys", self.keys.into()),
            ("elements", self.elements.into()),
            ("names", self.names.0),
            ("strings", self.strings.0),
            ("numbers", self.numbers.into()),
        ];
        for (key, _) in limits.iter().filter(|(_, limit)| *limit == 0) {
            let problem = Problem::error(format!("`{key}` cannot be zero")).at(fields.value_span(key));
            reader.problem(problem.help("leave it out for its default"));
        }
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct JsonLimits {
    bounds: JsonBounds,
    any_type: bool,
    encoded: bool,
}

impl PolicyKind for JsonLimits {
    const NAME: &'static str = "json_limits";
    type Config = JsonLimitsConfig;
    type Compiled = Self;

    fn phase(_: &JsonLimitsConfig) -> Phase {
        Phase::Screen
    }

    fn compile(config: JsonLimitsConfig, _: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        Some(Self { bounds: config.bounds(), any_type: config.any_type, encoded: config.encoded })
    }
}

/// What is done with the body of a request.
enum Decision {
    Pass,
    Refuse,
    Look,
    LookUnlessFramed,
}

impl JsonLimits {
    fn decide(&self, request: &RequestHead) -> Decision {
        let types = || request.fields.all_known(Known::ContentType);
        let codings = || request.fields.all_known(Known::ContentEncoding);
        if !self.any_type && !types().any(is_json) {
            Decision::Pass
        } else if codings().all(|coding| coding.eq_ignore_ascii_case(b"identity")) {
            let is_framed = !self.any_type && types().filter(|written| is_json(written)).all(may_be_framed);
            if is_framed { Decision::LookUnlessFramed } else { Decision::Look }
        } else if self.encoded {
            Decision::Pass
        } else {
            Decision::Refuse
        }
    }

    fn judge(&self, request: &RequestHead, body: &mut RequestBody) -> Result<(), Fault> {
        match self.decide(request) {
            Decision::Pass => Ok(()),
            Decision::Look => self.look(body, false),
            Decision::LookUnlessFramed => self.look(body, true),
            // RFC 9110 section 12.5.3: so it says which coding would do.
            Decision::Refuse => Err(Fault::client(415, "json_encoded", "Content-Encoding not supported")
                .field(b"Accept-Encoding", b"identity")),
        }
    }

    fn look(&self, body: &mut RequestBody, may_be_framed: bool) -> Result<(), Fault> {
        let is_framed = (!may_be_framed).then_some(false);
        let mut scan = Scan { scanner: JsonScanner::new(self.bounds), is_framed };
        if let Some(whole) = &body.whole {
            return scan.read(&whole.bytes).and_then(|()| scan.scanner.finish()).map_err(refused);
        }
        body.filters.add(Box::new(scan));
        Ok(())
    }
}

/// Whether a `Content-Type` is one of JSON (RFC 6839 section 3.1), whatever its parameters are.
fn is_json(content_type: &[u8]) -> bool {
    let essence = essence(content_type);
    let suffix = essence.len().checked_sub(5).map(|at| &essence[at..]);
    essence.eq_ignore_ascii_case(b"application/json")
        || essence.eq_ignore_ascii_case(b"text/json")
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(b"+json"))
}

/// Whether what has this type of JSON may be messages in frames.
fn may_be_framed(content_type: &[u8]) -> bool {
    let begins = |with: &[u8]| {
        let beginning = essence(content_type).get(..with.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(with))
    };
    begins(b"application/grpc") || begins(b"application/connect+")
}

fn essence(content_type: &[u8]) -> &[u8] {
    content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// Looks at a body as it passes.
struct Scan {
    scanner: JsonScanner,
    /// Whether it is messages in frames; none until its first byte tells.
    is_framed: Option<bool>,
}

impl Scan {
    fn read(&mut self, piece: &[u8]) -> Result<(), JsonFault> {
        let Some(first) = piece.first() else { return Ok(()) };
        // The flags of the first frame, plain or in base64. Anything else could be JSON to somebody, whatever its type says.
        let is_framed = *self.is_framed.get_or_insert(matches!(first, 0..=2 | b'A'));
        if is_framed { Ok(()) } else { self.scanner.push(piece) }
    }
}

impl BodyFilter for Scan {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        self.read(piece).map_err(refused)?;
        out.extend_from_slice(piece);
        Ok(())
    }

    fn finish(
        &mut self,
        trailers: Option<HeaderFields>,
        _: &mut Vec<u8>,
    ) -> Result<Option<HeaderFields>, Fault> {
        self.scanner.finish().map_err(refused)?;
        Ok(trailers)
    }

    fn keeps_length(&self) -> bool {
        true
    }
}

fn refused(fault: JsonFault) -> Fault {
    let too_much = |detail| Fault::client(413, "json_too_large", detail);
    match fault {
        JsonFault::NotJson => Fault::client(400, "json_malformed", "Malformed JSON"),
        JsonFault::KeyTwice => Fault::client(400, "json_key_twice", "JSON object with a key twice"),
        JsonFault::TooDeep => too_much("JSON nested too deep"),
        JsonFault::TooManyKeys => too_much("JSON object with too many keys"),
        JsonFault::TooManyElements => too_much("JSON array with too many elements"),
        JsonFault::NameTooLong => too_much("JSON key too long"),
        JsonFault::StringTooLong => too_much("JSON string too long"),
        JsonFault::NumberTooLong => too_much("JSON number too long"),
    }
}

impl Policy for JsonLimits {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        self.judge(cx.request, cx.body).map_or_else(Step::fail, |()| Step::CONTINUE)
    }

    fn explain(&self, request: &RequestHead, _: &Facts) -> String {
        match self.decide(request) {
            Decision::Pass => "lets the body pass unseen",
            Decision::Look => "reads the body as JSON, as it passes",
            Decision::LookUnlessFramed => {
                "reads the body as JSON, as it passes, unless it begins as messages in frames do"
            }
            Decision::Refuse => "refuses it: it cannot look into a body with a Content-Encoding",
        }
        .to_owned()
    }
}
