//! Identifies consumers by user and password (RFC 7617).
//!
//! A request shows them in `Authorization: Basic …`; browsers ask for them. The user is the name of a consumer that has a `password`, or
//! a user of a file that `htpasswd` made; who is a consumer besides has its groups. The service is told in `X-Consumer` and
//! `X-Consumer-Groups`, and does not get the password, unless `forward` says so. A request without is answered 401, unless `optional` lets it
//! pass as that of nobody; one with a wrong password always is, and users cannot be told by the time that it takes.
//!
//! Passwords are kept as hashes: by argon2 (`maitred key password` makes one of standard input), by bcrypt (`htpasswd -B`), and in files of
//! htpasswd by SHA-crypt, MD5 (`$apr1$`) and SHA-1 too; the last two draw a warning. A hash that takes more than about a second to check is
//! refused. Checking is meant to be slow: it happens beside the workers, once a minute for each user and worker, and requests are answered 503
//! while too many wait for it. A password in plain that came by `${…}` is hashed when the document is loaded, which takes as long.

mod hash;
mod md5_crypt;
mod shown;
mod users;
mod verified;

use std::sync::Arc;

use aws_lc_rs::hmac;
use maitred_config::{FilePath, Problem, Spanned, config_map};
use maitred_http::{Known, RequestHead};
use maitred_policy::identity::{self, Consumer};
use maitred_policy::{
    Build, Facts, Fault, Phase, Policy, PolicyKind, RequestCx, Runtime, Step, Verdict, off_worker,
};

pub use hash::hash_password;
use shown::{Login, Shown};
use users::Users;
use verified::{Tag, VerifiedLocal};

config_map! {
    /// Whose passwords count.
    pub struct BasicAuthConfig {
        /// A file that `htpasswd` made. Without it the passwords of the consumers count.
        #[main]
        htpasswd: Option<Spanned<FilePath>>,
        /// What browsers show when they ask for the password.
        realm: Spanned<String> = "maitred",
        /// Whether the service gets user and password, too.
        forward: bool = false,
        /// Whether a request without passes, as that of nobody. One with a wrong password never does.
        optional: bool = false,
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct BasicAuth {
    users: Users,
    challenge: Box<str>,
    forward: bool,
    optional: bool,
    /// Under which the worker keeps what was right. Another for each reload, which forgets all of it.
    key: hmac::Key,
}

impl PolicyKind for BasicAuth {
    const NAME: &'static str = "basic_auth";
    type Config = BasicAuthConfig;
    type Compiled = Self;

    fn phase(_: &BasicAuthConfig) -> Phase {
        Phase::Identify
    }

    fn compile(config: BasicAuthConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let realm = &config.realm;
        let can_be_quoted = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        let is_realm = realm.value.bytes().all(can_be_quoted);
        if !is_realm {
            let problem = Problem::error("this cannot be the name of a realm").at(realm.span);
            build.report(problem.help("letters, digits and signs of ASCII, no quotes and no backslash"));
        }
        let users = match &config.htpasswd {
            Some(file) => Users::of_file(file, build),
            None => Users::of_consumers(build),
        }?;
        warn(&users, config.htpasswd.is_some(), build);
        let Ok(key) = hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new()) else {
            build.report(Problem::error("the system gives no random bytes").at(build.span()));
            return None;
        };
        let challenge = format!("Basic realm=\"{}\", charset=\"UTF-8\"", realm.value).into();
        let (forward, optional) = (config.forward, config.optional);
        is_realm.then_some(Self { users, challenge, forward, optional, key })
    }
}

fn warn(users: &Users, is_file: bool, build: &mut Build<'_>) {
    if users.is_empty() {
        let problem = Problem::warning("nobody has a password, so that nobody can pass").at(build.span());
        let help = if is_file {
            "`htpasswd -B FILE USER` adds a user"
        } else {
            "write `consumers: { NAME: { password: \"$argon2id$…\" } }`; `maitred key password` makes the hash"
        };
        build.report(problem.help(help));
    }
    if let Some(name) = users.weak() {
        let text = format!("the password of `{name}` is soon guessed by who gets hold of the file");
        let problem = Problem::warning(text).at(build.span());
        build.report(problem.help("its hash is by MD5 or SHA-1: `htpasswd -B` makes one by bcrypt"));
    }
}

impl BasicAuth {
    fn tag(&self, login: &Login) -> Tag {
        let tag = hmac::sign(&self.key, login.as_bytes());
        tag.as_ref().try_into().expect("a SHA-256 has 32 bytes")
    }

    /// Whether this is right, by a look at the hash, beside the worker. That of somebody else is looked at where there is no such user.
    async fn look(&self, login: &Login, runtime: &dyn Runtime) -> Result<bool, Fault> {
        let known = self.users.of(login.user());
        let Some(user) = known.or_else(|| self.users.stand_in(login.user(), &self.key)) else {
            return Ok(false);
        };
        let (hash, password) = (Arc::clone(&user.hash), login.password().to_vec());
        let is_right = off_worker(runtime, move || hash.verify(&password)).await?;
        Ok(is_right && known.is_some())
    }

    async fn check(&self, login: Login, tag: Tag, cx: RequestCx<'_, Self>) -> Verdict {
        let look = cx.local.look(tag, cx.runtime.now());
        let looked = look.is_right.get_or_try_init(|| self.look(&login, cx.runtime)).await;
        if let Err(fault) = looked {
            return Verdict::Fail(fault);
        }
        cx.local.found(&tag, &look, cx.runtime.now());
        match self.users.of(login.user()).filter(|_| looked.is_ok_and(|is_right| *is_right)) {
            Some(user) => self.admit(&user.consumer, cx.request, cx.facts),
            None => Verdict::Fail(self.refused("invalid_credentials", "Invalid credentials")),
        }
    }

    fn admit(&self, consumer: &Arc<Consumer>, request: &mut RequestHead, facts: &mut Facts) -> Verdict {
        self.withhold(request, facts);
        facts.consumer = Some(Arc::clone(consumer));
        identity::tell(request, facts);
        Verdict::Continue
    }

    /// Nobody is told whether the user was right.
    fn refused(&self, cause: &'static str, detail: &'static str) -> Fault {
        Fault::client(401, cause, detail).field(b"WWW-Authenticate", self.challenge.as_bytes())
    }
}

impl Policy for BasicAuth {
    type State = ();
    type Local = VerifiedLocal;

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        match Shown::find(cx.request) {
            Shown::Nothing if self.optional => {
                identity::tell(cx.request, cx.facts);
                Step::CONTINUE
            }
            Shown::Nothing => Step::fail(self.refused(identity::MISSING_CREDENTIALS, "Missing credentials")),
            Shown::Broken => Step::fail(self.refused("invalid_credentials", "Invalid credentials")),
            Shown::Login(login) => {
                let tag = self.tag(&login);
                match self.users.of(login.user()) {
                    Some(user) if cx.local.is_right(&tag, cx.runtime.now()) => {
                        Step::Ready(self.admit(&user.consumer, cx.request, cx.facts))
                    }
                    _ => Step::Later(Box::pin(self.check(login, tag, cx))),
                }
            }
        }
    }

    fn shows(&self, request: &RequestHead, _: &Facts) -> bool {
        shown::is_shown(request)
    }

    fn withhold(&self, request: &mut RequestHead, _: &mut Facts) {
        if !self.forward && shown::is_shown(request) {
            request.fields.remove_known(Known::Authorization);
        }
    }

    fn identify(&self, request: &RequestHead, facts: &mut Facts) {
        if let Shown::Login(login) = Shown::find(request)
            && let Some(user) = self.users.of(login.user())
            && user.hash.verify(login.password())
        {
            facts.consumer = Some(Arc::clone(&user.consumer));
        }
    }

    fn explain(&self, request: &RequestHead, _: &Facts) -> String {
        let login = match Shown::find(request) {
            Shown::Nothing if self.optional => {
                return "finds no password, and lets it through as that of nobody".to_owned();
            }
            Shown::Nothing => return "refuses it: no user and password in Authorization".to_owned(),
            Shown::Broken => {
                return "refuses it: what Authorization has behind `Basic` is no user with a password"
                    .to_owned();
            }
            Shown::Login(login) => login,
        };
        let name = login.user();
        match self.users.of(name) {
            None => format!("refuses it: there is no user `{name}`"),
            Some(user) if user.hash.verify(login.password()) => {
                format!("finds the password of {name} in Authorization")
            }
            Some(_) => format!("refuses it: this is not the password of `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests;
