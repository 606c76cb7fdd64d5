//! Refuses programs that say in `User-Agent` that they are not wanted.
//!
//! `true` refuses well-known scanners for holes and programs that copy whole sites (the list is at the end). `deny` names others, `allow` those
//! that may come in any case, and wins. A text is looked for anywhere in the name, in any case of letters; `~` begins a regular expression, which
//! takes no longer than the name is long. Everybody refused gets 403.
//!
//! It is a sign at the door and no lock: whoever wants to calls itself Firefox, and nothing proves that who says Googlebot is Google. It keeps
//! out what is honest, careless or old, which is much of what comes. Limits and `ip` are for the others.
//!
//! Refused unless `known: false`: acunetix, arachni, commix, dirbuster, dirsearch, emailcollector, emailsiphon, emailwolf, feroxbuster,
//! fuzz faster u fool, gobuster, havij, httrack, jorgee, masscan, morfeus, muieblackcat, nessus, netsparker, nikto, nmap scripting engine, nuclei,
//! openvas, paros, qualys, scrapy, sitesnagger, skipfish, sqlmap, teleport pro, w3af, webcopier, webinspect, webreaper, webzip, whatweb, wpscan, zgrab,
//! zmeu.

use maitred_config::{Problem, Spanned, TextMatch, config_map, config_words};
use maitred_http::{Known, RequestHead};
use maitred_policy::{Build, Facts, Fault, Phase, Policy, PolicyKind, RequestCx, Step, Verdict};
use regex::bytes::{RegexSet, RegexSetBuilder};

/// Who is refused without being named. The page above lists them.
const KNOWN: &[&str] = &[
    "acunetix",
    "arachni",
    "commix",
    "dirbuster",
    "dirsearch",
    "emailcollector",
    "emailsiphon",
    "emailwolf",
    "feroxbuster",
    "fuzz faster u fool",
    "gobuster",
    "havij",
    "httrack",
    "jorgee",
    "masscan",
    "morfeus",
    "muieblackcat",
    "nessus",
    "netsparker",
    "nikto",
    "nmap scripting engine",
    "nuclei",
    "openvas",
    "paros",
    "qualys",
    "scrapy",
    "sitesnagger",
    "skipfish",
    "sqlmap",
    "teleport pro",
    "w3af",
    "webcopier",
    "webinspect",
    "webreaper",
    "webzip",
    "whatweb",
    "wpscan",
    "zgrab",
    "zmeu",
];

/// What all expressions of a list may take when compiled, in bytes.
const SIZE_LIMIT: usize = 8 << 20;

config_words! {
    /// What becomes of requests that do not say who sends them.
    pub enum Empty {
        /// They pass.
        Allow = "allow",
        /// They are refused.
        Deny = "deny",
    }
}

config_map! {
    /// Which programs are refused by what they call themselves.
    pub struct BotFilterConfig {
        /// What is refused besides: texts that stand somewhere in `User-Agent`, or regular expressions: `~^curl/7\.`.
        #[main]
        deny: Vec<Spanned<TextMatch>>,
        /// What passes, also where it is refused otherwise.
        allow: Vec<Spanned<TextMatch>>,
        /// Whether well-known scanners and copiers are refused.
        known: bool = true,
        /// What becomes of requests without `User-Agent`, or with an empty one. Many honest programs send none.
        empty: Empty = "allow",
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct BotFilter {
    deny: RegexSet,
    allow: RegexSet,
    /// What is looked for, as it is written, in the order of `deny`.
    denied: Box<[Box<str>]>,
    refuses_empty: bool,
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
enum Reason<'a> {
    Empty,
    /// This name, by one of those in `deny`.
    Name(&'a [u8]),
}

impl PolicyKind for BotFilter {
    const NAME: &'static str = "bot_filter";
    type Config = BotFilterConfig;
    type Compiled = Self;

    fn phase(_: &BotFilterConfig) -> Phase {
        Phase::Screen
    }

    fn compile(config: BotFilterConfig, build: &mut Build<'_>, _: Option<&Self>) -> Option<Self> {
        let refuses_empty = config.empty == Empty::Deny;
        let known = if config.known { KNOWN } else { &[] };
        if known.is_empty() && config.deny.is_empty() && !refuses_empty {
            let problem = Problem::error("nothing is refused: `known` is off and `deny` is empty");
            build.report(problem.at(build.span()).help("name something, or leave `bot_filter` out"));
            return None;
        }
        let written = config.deny.iter().map(|written| match &written.value {
            TextMatch::Exact(text) => text.as_str().into(),
            TextMatch::Regex(pattern) => format!("~{pattern}").into(),
        });
        let denied = known.iter().map(|&name| Box::from(name)).chain(written).collect();
        let known = known.iter().map(|name| regex::escape(name));
        let deny = compile(known.chain(config.deny.iter().map(pattern)), build);
        let allow = compile(config.allow.iter().map(pattern), build);
        Some(Self { deny: deny?, allow: allow?, denied, refuses_empty })
    }
}

fn pattern(written: &Spanned<TextMatch>) -> String {
    match &written.value {
        TextMatch::Exact(text) => regex::escape(text),
        TextMatch::Regex(pattern) => pattern.clone(),
    }
}

fn compile(patterns: impl Iterator<Item = String>, build: &mut Build<'_>) -> Option<RegexSet> {
    let set = RegexSetBuilder::new(patterns).case_insensitive(true).size_limit(SIZE_LIMIT).build();
    let told = |error: regex::Error| {
        let problem = Problem::error(format!("these patterns are too much together: {error}"));
        build.report(problem.at(build.span()).help("write fewer, or simpler ones"));
    };
    set.map_err(told).ok()
}

impl BotFilter {
    fn judge<'r>(&self, request: &'r RequestHead) -> Option<Reason<'r>> {
        let mut names = request.fields.all_known(Known::UserAgent).filter(|name| !name.is_empty()).peekable();
        if names.peek().is_none() {
            return self.refuses_empty.then_some(Reason::Empty);
        }
        // Of several names none is to be a disguise for another.
        names.find(|name| self.deny.is_match(name) && !self.allow.is_match(name)).map(Reason::Name)
    }
}

impl Policy for BotFilter {
    type State = ();
    type Local = ();

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        match self.judge(cx.request) {
            None => Step::CONTINUE,
            Some(_) => Step::fail(Fault::client(403, "bot_refused", "Automated client refused")),
        }
    }

    fn explain(&self, request: &RequestHead, _: &Facts) -> String {
        match self.judge(request) {
            None => "lets it through".to_owned(),
            Some(Reason::Empty) => "refuses it: there is no User-Agent".to_owned(),
            Some(Reason::Name(name)) => {
                let by = self.deny.matches(name).iter().next().map_or("", |at| &self.denied[at]);
                format!("refuses it: User-Agent has `{by}`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use maitred_policy::harness::{Harness, problems_of};

    use super::*;

    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const GOOGLE: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

    fn passes(yaml: &str, names: &[&str]) -> bool {
        let fields: Vec<_> = names.iter().map(|name| ("User-Agent", *name)).collect();
        let outcome = Harness::of::<BotFilter>(yaml).request("GET /", &fields).answer(200, &[]);
        assert!(outcome.cause().is_none_or(|cause| cause == "bot_refused"));
        outcome.response.status == 200
    }

    #[test]
    fn scanners_are_known_and_browsers_and_programs_are_not() {
        for name in
            [FIREFOX, GOOGLE, "curl/8.20.0", "python-requests/2.32", "okhttp/5.0", "Go-http-client/2.0"]
        {
            assert!(passes("true", &[name]), "{name}");
        }
        for name in [
            "sqlmap/1.9#stable (https://sqlmap.org)",
            "Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:Port Check)",
            "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
            "Scrapy/2.13 (+https://scrapy.org)",
            "Mozilla/4.5 (compatible; HTTrack 3.0x; Windows 98)",
        ] {
            assert!(!passes("true", &[name]), "{name}");
            assert!(passes("{ known: false, deny: nothing }", &[name]), "{name}");
        }
        assert!(!passes("true", &[FIREFOX, "sqlmap/1.9"]), "one name is no disguise for another");
    }

    #[test]
    fn the_page_lists_who_is_known() {
        let page: String =
            include_str!("bot_filter.rs").lines().map_while(|line| line.strip_prefix("//!")).collect();
        let (_, listed) = page.split_once("`known: false`:").expect("the list");
        let listed: Vec<_> = listed.trim_end_matches('.').split(',').map(str::trim).collect();
        assert_eq!(listed, KNOWN);
    }

    #[test]
    fn texts_and_expressions_are_looked_for_in_any_case() {
        let yaml = r#"{ deny: [BadBot, "~^curl/[0-7]\\.", "a.b"], allow: Googlebot }"#;
        for (name, expected) in [
            ("xbadbotx", false),
            ("curl/7.88.1", false),
            ("CURL/7.88.1", false),
            ("curl/8.20.0", true),
            ("libcurl/7.88.1", true),
            ("a.b", false),
            ("axb", true),
            ("Googlebot badbot", true),
        ] {
            assert_eq!(passes(yaml, &[name]), expected, "{name}");
        }
        let harness = Harness::of::<BotFilter>(yaml);
        let explain = |name| harness.request("GET /", &[("User-Agent", name)]).explain();
        assert_eq!(explain("curl/7.1"), [r"refuses it: User-Agent has `~^curl/[0-7]\.`"]);
        assert_eq!(explain("sqlmap"), ["refuses it: User-Agent has `sqlmap`"]);
    }

    #[test]
    fn who_says_nothing_passes_unless_told() {
        for names in [&[][..], &[""]] {
            assert!(passes("true", names) && !passes("{ empty: deny }", names));
        }
        assert!(passes("{ empty: deny }", &[FIREFOX]));
    }

    #[test]
    fn what_refuses_nothing_or_is_no_expression_is_told() {
        assert!(problems_of::<BotFilter>("{ known: false }").contains("nothing is refused"));
        assert!(problems_of::<BotFilter>("'~('").contains("no regular expression"));
        let much = format!("[{}]", vec![r"'~\w{1000}'"; 60].join(", "));
        assert!(
            problems_of::<BotFilter>(&much).contains("this is no regular expression")
                || problems_of::<BotFilter>(&much).contains("too much together")
        );
    }
}
