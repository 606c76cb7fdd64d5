//! Who may pass by a signed token: good ones of every kind, a table of attacks, and the tokens that project Wycheproof has collected.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use maitred_tests::{Answer, Echo, Gateway, Origin, skipped};
use maitred_token::KeySet;
use serde_json::{Value, json};

pub(crate) mod issuer;
mod published;

use issuer::{Issuer, encode, mac, unsigned};

const SECRET: &str = "what legacy shares with us, and nobody else";

/// A gateway that takes the tokens of three issuers, and its service.
struct Setup {
    origin: Origin,
    issuer: Issuer,
    gateway: Gateway,
}

fn document(origin: &Origin) -> String {
    format!(
        "issuers:\n  rsa: {{ issuer: rsa, public_key: rsa.pem, audience: shop }}\n  \
         keys: {{ issuer: 'https://keys.example', jwks: keys.json, audience: [shop, api], claims: {{ plan: tier }} }}\n  \
         legacy: {{ issuer: legacy, secret: '${{file:secret}}' }}\n\
         plans: {{ free: {{ default: true }}, gold: true }}\n\
         consumers: {{ acme: {{ groups: partners, subject: {{ issuer: keys, subject: acme-inc }} }} }}\n\
         policies: {{ transform_request: {{ headers: {{ set: {{ X-Plan: \"{{consumer.plan}}\", X-Team: '{{claim[\"https://x.example/team\"]}}' }} }} }} }}\n\
         routes:\n  closed: {{ match: /closed/*, upstream: \"{0}\", policies: {{ jwt: {{ revoked: revoked.txt }} }} }}\n  \
         open: {{ match: /open/*, upstream: \"{0}\", policies: {{ jwt: {{ from: [header.Authorization, query.token], optional: true, forward: false }} }} }}\n  \
         admin: {{ match: /admin, upstream: \"{0}\", policies: {{ jwt: true, authorize: {{ roles: admin }} }} }}\n  \
         write: {{ match: /write, upstream: \"{0}\", policies: {{ jwt: keys, authorize: {{ scopes: ['orders:write', 'orders:read'] }} }} }}\n  \
         adults: {{ match: /adults, upstream: \"{0}\", policies: {{ jwt: keys, authorize: {{ require: 'claim.age >= 18 && \"a\" in claim.realm_access.roles' }} }} }}\n",
        origin.url()
    )
}

impl Setup {
    fn start() -> Self {
        let (origin, issuer) = (Origin::start(), Issuer::new(SECRET));
        let files: [(&str, &str); 4] = [
            ("rsa.pem", &issuer.pem()),
            ("keys.json", &issuer.jwks()),
            ("secret", SECRET),
            ("revoked.txt", "gone\n"),
        ];
        let gateway = Gateway::start_with(&files, &document(&origin));
        Self { origin, issuer, gateway }
    }

    /// A good token by this algorithm, with these claims as well, or instead.
    fn token(&self, alg: &str, more: &Value) -> String {
        let kid =
            [("ES256", "p256"), ("ES512", "p521"), ("EdDSA", "ed")].into_iter().find(|(own, _)| *own == alg);
        let header = match kid {
            Some((_, kid)) => json!({"alg": alg, "typ": "JWT", "kid": kid}),
            None => json!({"alg": alg, "typ": "JWT"}),
        };
        self.issuer.token(&header, &claims(alg, more))
    }

    fn ask(&self, path: &str, token: &str) -> Answer {
        self.ask_with(path, &[&format!("Authorization: Bearer {token}")])
    }

    /// With these lines of the head, as they stand.
    fn ask_with(&self, path: &str, lines: &[&str]) -> Answer {
        let lines = [lines, &[""]].concat().join("\r\n");
        self.gateway
            .connect()
            .ask(&format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{lines}\r\n"))
    }
}

#[expect(clippy::disallowed_methods, reason = "the gateway goes by the clock of the machine")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The claims of a good token by this algorithm, with these as well, or instead.
fn claims(alg: &str, more: &Value) -> String {
    let iss = match alg {
        "HS256" => "legacy",
        "RS256" | "RS512" | "PS256" => "rsa",
        _ => "https://keys.example",
    };
    let mut claims = json!({"iss": iss, "aud": "shop", "sub": "u-17", "iat": now(), "exp": now() + 600});
    let all = claims.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    all.retain(|_, value| !value.is_null());
    claims.to_string()
}

#[test]
fn tokens_of_every_kind_open_and_the_service_learns_whose_they_are() {
    let setup = Setup::start();
    for alg in ["RS256", "RS512", "PS256", "ES256", "ES512", "EdDSA", "HS256"] {
        let token = setup.token(alg, &json!({"tier": "gold", "https://x.example/team": ["a", "b"]}));
        // The second one is known.
        for _ in 0..2 {
            let forged =
                ["X-User-ID: root", "X-Consumer: root", "X_Consumer_Groups: root", "x-user-id: root"];
            let bearer = format!("Authorization: Bearer {token}");
            let answer = setup.ask_with("/closed/1", &[&[&*bearer][..], &forged].concat());
            assert_eq!(answer.status(), 200, "{alg}");
            let echo = Echo::of(&answer);
            assert_eq!((echo.all("X-User-ID"), echo.all("X-Consumer")), (vec!["u-17"], vec![]));
            assert!(echo.all("X_Consumer_Groups").is_empty());
            assert_eq!(echo.field("Authorization"), Some(&*format!("Bearer {token}")));
            let plan = if ["RS256", "RS512", "PS256", "HS256"].contains(&alg) { "free" } else { "gold" };
            assert_eq!((echo.field("X-Plan"), echo.field("X-Team")), (Some(plan), Some("a, b")));
        }
    }
    let acme =
        setup.ask("/closed/acme", &setup.token("ES256", &json!({"sub": "acme-inc", "aud": ["x", "api"]})));
    let echo = Echo::of(&acme);
    assert_eq!((echo.field("X-Consumer"), echo.field("X-Consumer-Groups")), (Some("acme"), Some("partners")));
    assert_eq!(echo.field("X-User-ID"), Some("acme-inc"));
    let logged = setup.gateway.access_to("/closed/acme");
    assert_eq!([logged.text("consumer"), logged.text("subject")], ["acme", "acme-inc"]);
}

#[test]
fn roles_scopes_and_claims_decide_who_may() {
    let setup = Setup::start();
    let ask = |path: &str, more: Value| {
        let answer = setup.ask(path, &setup.token("EdDSA", &more));
        let challenge = answer.head.field("WWW-Authenticate").map(str::to_owned);
        let detail = (answer.status() != 200).then(|| answer.json()["detail"].as_str().unwrap().to_owned());
        (answer.status(), detail, challenge)
    };
    let passes = (200, None, None);
    for roles in [
        json!({"roles": ["admin"]}),
        json!({"realm_access": {"roles": ["x", "admin"]}}),
        json!({"resource_access": {"shop": {"roles": ["admin"]}}}),
    ] {
        assert_eq!(ask("/admin", roles), passes);
    }
    let refused = (403, Some("Role admin required".to_owned()), None);
    assert_eq!(ask("/admin", json!({"roles": ["Admin", "administrator"], "groups": ["admin"]})), refused);
    assert_eq!(ask("/write", json!({"scope": "orders:read orders:write"})), passes);
    assert_eq!(ask("/write", json!({"scp": ["orders:read", "orders:write"]})), passes);
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"orders:write orders:read\"";
    let detail = "Scopes orders:write, orders:read required";
    let refused = (403, Some(detail.to_owned()), Some(challenge.to_owned()));
    assert_eq!(ask("/write", json!({"scope": "orders:write"})), refused);
    assert_eq!(ask("/adults", json!({"age": 18, "realm_access": {"roles": ["a"]}})), passes);
    for claims in
        [json!({"age": 17, "realm_access": {"roles": ["a"]}}), json!({"age": 18}), json!({"age": "18"})]
    {
        assert_eq!(ask("/adults", claims).0, 403);
    }
    // A good token of another issuer is none here.
    let other = setup.ask("/write", &setup.token("HS256", &json!({"scope": "orders:read orders:write"})));
    assert_eq!(other.status(), 401);
}

/// What is signed by nobody who may, and what it is.
fn forged(issuer: &Issuer) -> Vec<(String, String)> {
    let plain = json!({});
    let mut attacks: Vec<(String, String)> = Vec::new();
    let mut add = |what: &str, token: String| attacks.push((what.to_owned(), token));
    for none in ["none", "None", "NONE", "nOnE", "none ", "", "null"] {
        for alg in ["RS256", "ES256", "HS256"] {
            let signed = unsigned(&json!({"alg": none}), &claims(alg, &plain));
            add(&format!("alg `{none}`"), format!("{signed}."));
            add(
                &format!("alg `{none}` with a signature"),
                format!("{signed}.{}", encode(issuer.sign(alg, &signed))),
            );
        }
    }
    let signed = unsigned(&json!({"typ": "JWT"}), &claims("RS256", &plain));
    add("no alg", format!("{signed}.{}", encode(issuer.sign("RS256", &signed))));
    let pem = issuer.pem();
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), &pem.replace('\n', "").into_bytes(), b""] {
        let signed = unsigned(&json!({"alg": "HS256"}), &claims("RS256", &plain));
        add("the public key as a secret", format!("{signed}.{}", encode(mac(secret, &signed))));
    }
    for kid in [
        "../../../../dev/null",
        "/dev/null",
        "p256' OR '1'='1",
        "x\u{0}p256",
        "https://evil.example/key",
        "p256 ",
        "P256",
    ] {
        let header = json!({"alg": "HS256", "kid": kid});
        let signed = unsigned(&header, &claims("ES256", &plain));
        add(&format!("kid `{kid}` and an empty secret"), format!("{signed}.{}", encode(mac(b"", &signed))));
        let header = json!({"alg": "ES256", "kid": kid});
        add(&format!("kid `{kid}`"), issuer.token(&header, &claims("ES256", &plain)));
    }
    let attacker = Issuer::new("a secret of the attacker, as long as any other");
    let own: Value = serde_json::from_str(&attacker.jwks()).unwrap();
    for header in [
        json!({"alg": "ES256", "kid": "p256", "jwk": own["keys"][0]}),
        json!({"alg": "ES256", "jwk": own["keys"][0]}),
        json!({"alg": "ES256", "kid": "p256", "jku": "http://127.0.0.1:1/keys.json"}),
        json!({"alg": "ES256", "kid": "p256", "x5u": "http://127.0.0.1:1/cert.pem"}),
        json!({"alg": "ES256", "kid": "p256", "x5c": ["AAAA"]}),
    ] {
        add(&format!("keys of the attacker: {header}"), attacker.token(&header, &claims("ES256", &plain)));
    }
    attacks
}

/// What the issuer itself has signed, and is no good all the same.
fn misused(setup: &Setup) -> Vec<(String, String)> {
    let (issuer, plain) = (&setup.issuer, json!({}));
    let mut attacks: Vec<(String, String)> = Vec::new();
    let mut add = |what: &str, token: String| attacks.push((what.to_owned(), token));
    for (what, more) in [
        ("not yet valid", json!({"nbf": now() + 120})),
        ("of the future", json!({"iat": now() + 120})),
        ("for others", json!({"aud": "others"})),
        ("for nobody", json!({"aud": null})),
        ("of nobody", json!({"iss": "nobody"})),
        ("of no issuer", json!({"iss": null})),
        ("of another issuer", json!({"iss": "legacy"})),
        ("without an end", json!({"exp": null})),
        ("an end that is text", json!({"exp": "9999999999"})),
        ("an end in milliseconds", json!({"exp": (now() + 600) * 1000})),
        ("revoked", json!({"jti": "gone"})),
    ] {
        add(what, setup.token("ES256", &more));
    }
    let zeros = unsigned(&json!({"alg": "ES256", "kid": "p256"}), &claims("ES256", &plain));
    add("ES256 with (0,0)", format!("{zeros}.{}", encode([0; 64])));
    add("ES256 with nothing", format!("{zeros}."));
    let other = issuer.token(&json!({"alg": "ES256", "kid": "ed"}), &claims("ES256", &plain));
    add("a kid of another kind of key", other);
    for (what, header) in [
        ("crit", json!({"alg": "ES256", "kid": "p256", "crit": ["exp"]})),
        ("b64", json!({"alg": "ES256", "kid": "p256", "b64": false})),
        ("another kind of token", json!({"alg": "ES256", "kid": "p256", "typ": "logout+jwt"})),
        ("a token inside", json!({"alg": "ES256", "kid": "p256", "cty": "JWT"})),
    ] {
        add(what, issuer.token(&header, &claims("ES256", &plain)));
    }
    let good = setup.token("ES256", &plain);
    add("nested", issuer.token(&json!({"alg": "ES256", "kid": "p256"}), &good));
    let twice = claims("ES256", &plain).replacen('{', "{\"sub\":\"root\",", 1);
    add("a claim twice", issuer.token(&json!({"alg": "ES256", "kid": "p256"}), &twice));
    add("huge", setup.token("ES256", &json!({"filler": "x".repeat(20_000)})));
    attacks
}

/// Other spellings of a good token.
fn respelled(good: &str) -> Vec<(&'static str, String)> {
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let last = |text: &str, shift: u8| {
        // 64 bytes end in a letter of which two bits count and four are zero.
        let mut bytes = text.as_bytes().to_vec();
        *bytes.last_mut().unwrap() += shift;
        String::from_utf8(bytes).unwrap()
    };
    let standard = format!("{signed}.{}", signature.replace('-', "+").replace('_', "/"));
    let (header, payload) = signed.split_once('.').unwrap();
    vec![
        ("padding", format!("{good}==")),
        ("bits that mean nothing", format!("{signed}.{}", last(signature, 1))),
        ("truncated", good[..good.len() - 1].to_owned()),
        ("truncated by a letter group", good[..good.len() - 4].to_owned()),
        ("the other alphabet", if standard == good { format!("{good}+") } else { standard }),
        ("a blank inside", format!("{header}. {payload}.{signature}")),
        ("a tab inside", format!("{header}.{payload}.\t{signature}")),
        ("four parts", format!("{good}.")),
        ("five parts", format!("{good}.AA.AA")),
        ("two parts", signed.to_owned()),
        ("in quotes", format!("\"{good}\"")),
        ("two in a line", format!("{good}, Bearer {good}")),
        ("JSON", json!({"payload": payload, "protected": header, "signature": signature}).to_string()),
    ]
}

#[test]
fn every_attack_is_refused() {
    let setup = Setup::start();
    let good = setup.token("ES256", &json!({}));
    assert_eq!(setup.ask("/closed/good", &good).status(), 200);
    let respelled = respelled(&good).into_iter().map(|(what, token)| (what.to_owned(), token));
    for (what, token) in forged(&setup.issuer).into_iter().chain(misused(&setup)).chain(respelled) {
        for path in ["/closed/attack", "/open/attack"] {
            // Only one of the two has a list of what was revoked.
            if what == "revoked" && path == "/open/attack" {
                continue;
            }
            let answer = setup.ask(path, &token);
            assert_eq!(answer.status(), 401, "{what}");
            assert_eq!(answer.json()["detail"], "Invalid token", "{what}");
            assert_eq!(
                answer.head.field("WWW-Authenticate"),
                Some("Bearer error=\"invalid_token\""),
                "{what}"
            );
        }
    }
    let expired = setup.ask("/closed/old", &setup.token("ES256", &json!({"exp": now() - 60})));
    assert_eq!((expired.status(), &expired.json()["detail"]), (401, &"Token expired".into()));
    assert_eq!(setup.gateway.access_to("/closed/old").text("outcome"), "token_expired");
    let nothing = setup.ask_with("/closed/nothing", &[]);
    assert_eq!((nothing.status(), &nothing.json()["detail"]), (401, &"Missing credentials".into()));
    // What was refused is not known.
    assert_eq!(setup.ask("/closed/good", &good).status(), 200);
}

#[test]
fn two_of_a_field_are_refused_however_they_are_written() {
    let setup = Setup::start();
    let good = setup.token("ES256", &json!({}));
    let bearer = format!("Authorization: Bearer {good}");
    for lines in [
        [&*bearer, &*bearer],
        [&*bearer, "authorization: Bearer x"],
        ["AUTHORIZATION: Basic YTpi", &*bearer],
        [&*bearer, "aUTHORIZATION: "],
    ] {
        assert_eq!(setup.ask_with("/closed/twice", &lines).status(), 401, "{lines:?}");
    }
    // Names that are alike are others: nothing is shown in them, and nobody is told to be somebody.
    let alike = [
        "Authorization_: Bearer x",
        "X_User_ID: root",
        "x-USER-id: root",
        "X-Consumer: root",
        "x_consumer: root",
    ];
    let echo = Echo::of(&setup.ask_with("/open/alike", &alike));
    for name in ["X-User-ID", "X_User_ID", "X-Consumer", "X_Consumer"] {
        assert!(echo.all(name).is_empty(), "{name}");
    }
}

#[test]
fn tokens_are_in_no_log() {
    let setup = Setup::start();
    let (good, bad) = (setup.token("ES256", &json!({})), setup.token("ES256", &json!({"aud": "x"})));
    let told = Echo::of(&setup.gateway.curl(&format!("/open/a?token={good}&b=1"), &[]));
    assert_eq!((told.target(), told.field("X-User-ID")), ("/open/a?b=1", Some("u-17")));
    assert_eq!(setup.gateway.curl(&format!("/open/b?token={bad}&b=1"), &[]).status(), 401);
    for path in ["/open/a", "/open/b"] {
        assert_eq!(setup.gateway.access_to(path).text("query"), "b=1");
    }
    let log = [setup.gateway.log().all(), setup.gateway.access_lines().all()].concat().join("\n");
    let parts = [&good, &bad].map(|token| token.rsplit_once('.').unwrap().1.to_owned());
    assert!(parts.iter().all(|part| !log.contains(&**part)) && !log.contains(SECRET), "{log}");
}

#[test]
fn keys_that_are_rotated_away_and_tokens_that_are_revoked_end() {
    let setup = Setup::start();
    let (old, one) = (setup.token("ES256", &json!({})), setup.token("HS256", &json!({"jti": "one"})));
    assert_eq!((setup.ask("/closed/1", &old).status(), setup.ask("/closed/1", &one).status()), (200, 200));
    let next = Issuer::new(SECRET);
    setup.gateway.folder().write("keys.json", &next.jwks());
    setup.gateway.folder().write("revoked.txt", "gone\none\n");
    setup.gateway.reload(&document(&setup.origin));
    assert_eq!((setup.ask("/closed/2", &old).status(), setup.ask("/closed/2", &one).status()), (401, 401));
    let header = json!({"alg": "ES256", "kid": "p256"});
    assert_eq!(setup.ask("/closed/2", &next.token(&header, &claims("ES256", &json!({})))).status(), 200);
}

#[test]
fn wycheproof() {
    let Some(suites) = std::env::var_os("MAITRED_SUITES").map(PathBuf::from) else {
        skipped("tokens::wycheproof", "MAITRED_SUITES is not set");
        return;
    };
    let mut groups: Vec<Value> = Vec::new();
    for file in ["json_web_signature.json", "json_web_key.json"] {
        let text = std::fs::read_to_string(suites.join("wycheproof").join(file)).unwrap();
        let suite: Value = serde_json::from_str(&text).unwrap();
        groups.extend(suite["testGroups"].as_array().unwrap().clone());
    }
    let keys = |group: &Value| group.get("public").unwrap_or(&group["private"]).to_string();
    // Where there is no key at all, no gateway starts.
    groups.retain(|group| KeySet::of_jwks(keys(group).as_bytes()).is_ok_and(|keys| !keys.is_empty()));
    assert!(groups.len() > 15, "{} groups", groups.len());
    let files: Vec<(String, String)> =
        groups.iter().enumerate().map(|(at, group)| (format!("{at}.json"), keys(group))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let each = |line: &dyn Fn(usize) -> String| (0..groups.len()).map(line).collect::<Vec<_>>().concat();
    let issuers = each(&|at| format!("  i{at}: {{ issuer: i{at}, jwks: {at}.json }}\n"));
    let routes = each(&|at| {
        format!(
            "  r{at}: {{ match: /{at}, respond: fine, policies: {{ jwt: {{ issuers: i{at}, require: [] }} }} }}\n"
        )
    });
    let gateway = Gateway::start_with(&files, &format!("issuers:\n{issuers}routes:\n{routes}"));
    let mut wire = gateway.connect();
    let mut asked = 0;
    for (at, group) in groups.iter().enumerate() {
        for test in group["tests"].as_array().unwrap() {
            let token = test["jws"].as_str().unwrap();
            let answer = wire
                .ask(&format!("GET /{at} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n"));
            // Also the good ones: none of them is a JWT of this issuer.
            assert_eq!(answer.status(), 401, "{}: {token}", test["tcId"]);
            asked += 1;
        }
    }
    assert!(asked > 390, "{asked} tokens");
}
