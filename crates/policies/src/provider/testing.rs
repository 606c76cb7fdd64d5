//! A provider as tests see it: it answers what the test says, and nothing is sent.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use maitred_config::scalar::HttpUrl;
use maitred_http::{Known, RequestHead, ResponseHead};
use maitred_policy::harness::Called;
use maitred_policy::{Asking, CallError, FetchError, Service, WholeBody};

/// What a call is answered: silence, a failure, or something whole.
pub(crate) type CallAnswer = Option<Result<(ResponseHead, WholeBody), CallError>>;

/// An answer of a provider to a request that waits.
#[expect(clippy::unnecessary_wraps, reason = "it stands where a provider may be silent")]
pub(crate) fn answer(status: u16, body: &str) -> CallAnswer {
    Some(Ok(whole(status, body)))
}

fn whole(status: u16, body: &str) -> (ResponseHead, WholeBody) {
    let head = ResponseHead { status, ..ResponseHead::default() };
    (head, WholeBody { bytes: body.into(), trailers: None })
}

/// The form of a call.
pub(crate) fn form(called: &Called) -> String {
    String::from_utf8(called.body.clone()).unwrap()
}

/// What is at a URL: its status and its body.
type At<'a> = dyn Fn(&str) -> Option<(u16, String)> + 'a;

/// A provider that is asked beside the requests.
pub(crate) struct Pages<'a> {
    /// The time there.
    pub(crate) now: Cell<Instant>,
    /// Status and body of what is at a URL; none where it cannot be reached.
    pub(crate) at: Box<At<'a>>,
    /// What was asked for: the URL, what was shown, and the form.
    pub(crate) asked: RefCell<Vec<(String, Option<String>, String)>>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(now: Instant, at: impl Fn(&str) -> Option<(u16, String)> + 'a) -> Self {
        Self { now: Cell::new(now), at: Box::new(at), asked: RefCell::default() }
    }
}

impl Service for Pages<'_> {
    fn now(&self) -> Instant {
        self.now.get()
    }

    fn ask<'a>(&'a self, _: RequestHead, _: &'a [u8], _: usize) -> Asking<'a, (ResponseHead, WholeBody)> {
        unreachable!("providers are known by URLs")
    }

    fn visit<'a>(
        &'a self,
        url: &'a HttpUrl,
        _: Option<&'a [u8]>,
        request: RequestHead,
        body: &'a [u8],
        _: usize,
    ) -> Asking<'a, (ResponseHead, WholeBody)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown = request.fields.known(Known::Authorization).map(text);
        self.asked.borrow_mut().push((url.to_string(), shown, text(body)));
        let page = (self.at)(url.as_str());
        Box::pin(async move {
            page.map(|(status, body)| whole(status, &body)).ok_or_else(|| FetchError::new("it is down"))
        })
    }
}
