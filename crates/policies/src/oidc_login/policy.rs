//! What `oidc_login` does with a request: it answers its own paths, lets sessions through, and begins a login for others.
//! How each of that is done stands beside it.

use std::rc::Rc;
use std::sync::Arc;

use maitred_http::{Known, Method, RequestHead, Scheme};
use maitred_policy::identity::ShownToken;
use maitred_policy::{
    Facts, Fault, Fetching, Needs, OwnRequest, Policy, RequestCx, ResponseCx, Step, Verdict, identity,
};

use super::config::ForwardedToken;
use super::entries::{Entries, Id};
use super::known::{Known as KnownSessions, Opened};
use super::query::{self, Parameters};
use super::renew::Found;
use super::replies::{challenge, store_unavailable};
use super::session::since_1970;
use super::{OidcLogin, Own};

/// The fields that have the browser keep or forget a session, for the answer.
#[derive(Default)]
pub(crate) struct Kept(Vec<String>);

/// Bytes that a provider's message may have: a token, and little besides.
const LONGEST_MESSAGE: u64 = 64 * 1024;

/// What a request to a path of the policy's own is.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Callback,
    Login,
    Logout,
    BackchannelLogout,
}

impl OidcLogin {
    /// How browsers come.
    pub(super) fn scheme(&self, facts: &Facts) -> Scheme {
        match &self.origin {
            Some(origin) if origin.starts_with("https:") => Scheme::Https,
            Some(_) => Scheme::Http,
            None => facts.scheme,
        }
    }

    /// Where browsers reach the gateway: scheme and host. None of a request without a host.
    pub(super) fn origin(&self, request: &RequestHead, facts: &Facts) -> Option<String> {
        if let Some(origin) = &self.origin {
            return Some(origin.to_string());
        }
        let host = request.authority.as_str();
        (!host.is_empty()).then(|| format!("{}://{host}", facts.scheme.as_str()))
    }

    fn asked(&self, request: &RequestHead) -> Option<Asked> {
        let path = request.target.path();
        let is = |own: &Option<Own>| own.as_ref().is_some_and(|own| *own.path == *path);
        match request.method {
            Method::Get if *self.paths.callback.path == *path => Some(Asked::Callback),
            Method::Get if is(&self.paths.login) => Some(Asked::Login),
            Method::Get | Method::Post if is(&self.paths.logout) => Some(Asked::Logout),
            Method::Post if is(&self.paths.backchannel_logout) => Some(Asked::BackchannelLogout),
            _ => None,
        }
    }

    async fn answer(&self, asked: Asked, cx: RequestCx<'_, Self>) -> Verdict {
        let RequestCx { request, facts, body, runtime, .. } = cx;
        match asked {
            Asked::Callback => {
                query::hide(request, facts);
                self.callback(request, facts, runtime).await
            }
            Asked::Login => {
                let parameters = Parameters::read(request.target.query().unwrap_or_default());
                let place = parameters.as_ref().and_then(|parameters| parameters.find("to"));
                self.begin(place.unwrap_or("/"), request, facts, Vec::new())
            }
            Asked::Logout => self.log_out(request, facts, runtime).await,
            Asked::BackchannelLogout => self.backchannel(body, facts, runtime).await,
        }
    }

    /// Whether it is not known what other replicas say of a session.
    fn is_to_be_looked_up(&self, opened: &Opened) -> bool {
        self.replicas.is_some() && opened.checked.get() != self.shared.gaps()
    }

    async fn fetch_and_admit(&self, entry: (&Entries, Id), cx: RequestCx<'_, Self>) -> Verdict {
        match self.fetch(entry, cx.facts, cx.local, cx.runtime).await {
            Ok(Found::Session(opened)) => self.look_up_and_admit(opened, cx).await,
            Ok(_) => self.turn_away(true, cx.request, cx.facts, cx.state),
            Err(away) => store_unavailable(away).into(),
        }
    }

    async fn look_up_and_admit(&self, opened: Rc<Opened>, cx: RequestCx<'_, Self>) -> Verdict {
        let now = since_1970(cx.facts);
        if let Some(replicas) = self.replicas.as_ref().filter(|_| self.is_to_be_looked_up(&opened)) {
            replicas.look_up(&self.shared, &opened, (now, self.lifetimes.whole), cx.runtime).await;
        }
        if self.has_ended(&opened) {
            return self.turn_away(true, cx.request, cx.facts, cx.state);
        }
        if opened.session.is_to_be_renewed(now) {
            return self.renew_and_admit(opened, cx).await;
        }
        *cx.state = Kept(self.note(&opened, cx.request, cx.facts, cx.runtime).await);
        self.admit(&opened, cx.request, cx.facts)
    }

    async fn renew_and_admit(&self, opened: Rc<Opened>, cx: RequestCx<'_, Self>) -> Verdict {
        let RequestCx { request, facts, state, local, runtime, .. } = cx;
        match self.renew(opened, request, facts, local, runtime).await {
            Some((opened, kept)) => {
                *state = Kept(kept);
                self.admit(&opened, request, facts)
            }
            None => self.turn_away(true, request, facts, state),
        }
    }

    /// Lets a request with a session through.
    fn admit(&self, opened: &Opened, request: &mut RequestHead, facts: &mut Facts) -> Verdict {
        self.cookies.withhold(request);
        let token = match self.forward {
            Some(ForwardedToken::Access) => opened.session.forwarded.as_deref(),
            Some(ForwardedToken::Id) => opened.session.id_token.as_deref(),
            None => None,
        };
        if self.forward.is_some() {
            request.fields.remove_known(Known::Authorization);
        }
        if let Some(token) = token {
            request.fields.append_known(Known::Authorization, format!("Bearer {token}").as_bytes());
        }
        opened.tell(facts);
        identity::tell(request, facts);
        Verdict::Continue
    }

    /// What becomes of a request without a session, or with one that has ended.
    fn turn_away(
        &self,
        had_one: bool,
        request: &mut RequestHead,
        facts: &mut Facts,
        state: &mut Kept,
    ) -> Verdict {
        let forget = self.cookies.forget_session(self.scheme(facts), request);
        if self.optional {
            self.cookies.withhold(request);
            *state = Kept(forget);
            identity::tell(request, facts);
            return Verdict::Continue;
        }
        if self.navigation.is_navigation(request) {
            return self.begin(request.target.as_str(), request, facts, forget);
        }
        self.cookies.withhold(request);
        let fault = if had_one {
            Fault::client(401, "session_ended", "Session ended")
        } else {
            Fault::client(401, "missing_credentials", "Missing credentials")
        };
        let fault = forget.iter().fold(fault, |fault, field| fault.field(b"Set-Cookie", field.as_bytes()));
        challenge(fault).into()
    }
}

impl Opened {
    fn tell(&self, facts: &mut Facts) {
        facts.claims = Some(Rc::clone(&self.claims));
        facts.token = self.session.forwarded.as_deref().map(ShownToken::new);
        if let Some(consumer) = &self.consumer {
            facts.consumer = Some(Arc::clone(consumer));
        }
    }
}

impl Policy for OidcLogin {
    type State = Kept;
    type Local = KnownSessions;

    fn needs(&self) -> Needs {
        Needs { request_body: self.paths.backchannel_logout.is_some(), ..Needs::default() }
    }

    fn wants_body(&self, request: &RequestHead, _: &Facts) -> Option<u64> {
        (self.asked(request) == Some(Asked::BackchannelLogout)).then_some(LONGEST_MESSAGE)
    }

    fn own_requests(&self) -> Vec<OwnRequest> {
        let Self { paths, .. } = self;
        let own = |method, own: &Own| OwnRequest { method, path: own.path.clone(), span: own.span };
        let callback = own(Method::Get, &paths.callback);
        let login = paths.login.as_ref().map(|path| own(Method::Get, path));
        let logout = paths.logout.as_ref().map(|path| own(Method::Get, path));
        let told = paths.backchannel_logout.as_ref().map(|path| own(Method::Post, path));
        [Some(callback), login, logout, told].into_iter().flatten().collect()
    }

    fn fetched(&self) -> Vec<Fetching> {
        let described = self.described.how().fetching(&self.described);
        [Some(described), self.verifier.fetched()].into_iter().flatten().collect()
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        if let Some(asked) = self.asked(cx.request) {
            return Step::Later(Box::pin(self.answer(asked, cx)));
        }
        let found = self.find(cx.request, cx.facts, cx.local);
        let opened = match found {
            Found::Session(opened) => opened,
            Found::Stored(entries, id) => {
                return Step::Later(Box::pin(self.fetch_and_admit((entries, id), cx)));
            }
            Found::Nothing => return Step::Ready(self.turn_away(false, cx.request, cx.facts, cx.state)),
            Found::Gone(_) => return Step::Ready(self.turn_away(true, cx.request, cx.facts, cx.state)),
        };
        if self.is_to_be_looked_up(&opened) {
            return Step::Later(Box::pin(self.look_up_and_admit(opened, cx)));
        }
        if opened.session.is_to_be_renewed(since_1970(cx.facts)) {
            return Step::Later(Box::pin(self.renew_and_admit(opened, cx)));
        }
        *cx.state = Kept(self.seen(&opened, cx.request, cx.facts));
        Step::Ready(self.admit(&opened, cx.request, cx.facts))
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        let fields = std::mem::take(&mut cx.state.0);
        if !fields.is_empty() {
            // What has the session of one user is for nobody else.
            cx.response.fields.append_known(Known::CacheControl, b"private");
        }
        for field in fields {
            cx.response.fields.append_known(Known::SetCookie, field.as_bytes());
        }
        Step::CONTINUE
    }

    fn shows(&self, request: &RequestHead, facts: &Facts) -> bool {
        self.asked(request).is_some() || self.cookies.has_session(self.scheme(facts), request)
    }

    fn withhold(&self, request: &mut RequestHead, facts: &mut Facts) {
        if self.asked(request) == Some(Asked::Callback) {
            query::hide(request, facts);
        }
        self.cookies.withhold(request);
    }

    fn identify(&self, request: &RequestHead, facts: &mut Facts) {
        if let Found::Session(opened) = self.find(request, facts, &KnownSessions::default()) {
            opened.tell(facts);
        }
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        match self.asked(request) {
            Some(Asked::Callback) => return "takes the answer of the login service".to_owned(),
            Some(Asked::Login) => return "begins a login".to_owned(),
            Some(Asked::Logout) => return "logs out".to_owned(),
            Some(Asked::BackchannelLogout) => return "takes a message that sessions have ended".to_owned(),
            None => {}
        }
        let found = match self.find(request, facts, &KnownSessions::default()) {
            Found::Session(opened) => {
                let subject = opened.claims.subject.as_deref().unwrap_or("nobody in particular");
                return format!(
                    "finds the session of {} by {}",
                    subject.escape_debug(),
                    opened.claims.issuer
                );
            }
            Found::Stored(..) => return "looks for its session in the store".to_owned(),
            Found::Nothing => "finds no session".to_owned(),
            Found::Gone(why) => format!("finds a session that is no good: {why}"),
        };
        let then = if self.optional {
            "lets it through as that of nobody"
        } else if self.navigation.is_navigation(request) {
            "begins a login"
        } else {
            "refuses it, since no user waits for a page"
        };
        format!("{found}, and {then}")
    }
}
