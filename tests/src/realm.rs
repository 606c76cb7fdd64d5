//! A realm of the `OpenID` provider for one test: users, clients and keys of its own, as `tests/peers/realm.json` has them, behind a
//! forwarder of its own. What a test does to them no other test sees.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::curl::{Curl, curl};
use crate::forwarder::Forwarder;
use crate::keycloak::Keycloak;
use crate::peer::peer_file;

static MADE: AtomicUsize = AtomicUsize::new(0);

/// One realm. The password of a user is `NAME-password`, the secret of a client `NAME-secret`.
#[derive(Debug)]
pub struct Realm {
    keycloak: &'static Keycloak,
    name: String,
    forwarder: Forwarder,
}

/// What a user's client is given.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub id: String,
    pub refresh: String,
}

impl Realm {
    /// Makes one; none where the provider is not installed.
    pub fn create() -> Option<Self> {
        let keycloak = Keycloak::shared()?;
        let name = format!("shop-{}", MADE.fetch_add(1, Ordering::Relaxed));
        let template = std::fs::read_to_string(peer_file("realm.json")).unwrap();
        let mut realm: Value = serde_json::from_str(&template).unwrap();
        realm["realm"] = json!(name);
        keycloak.administer("POST", "", Some(&realm));
        Some(Self { keycloak, name, forwarder: Forwarder::start(keycloak.port()) })
    }

    /// The issuer: discovery is below it.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}/realms/{}", self.forwarder.port(), self.name)
    }

    /// An endpoint of its `OpenID` Connect: `token`, `certs`, `auth`, `logout`, `revoke`, `token/introspect`.
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/protocol/openid-connect/{name}", self.issuer())
    }

    /// What its issuer is reached through, to be cut and mended.
    pub fn forwarder(&self) -> &Forwarder {
        &self.forwarder
    }

    /// What `shop-web` is given for a user by the user's password.
    pub fn tokens(&self, user: &str) -> Tokens {
        let answer = self.ask_as(
            "shop-web",
            "token",
            &[
                "grant_type=password",
                "scope=openid",
                &format!("username={user}"),
                &format!("password={user}-password"),
            ],
        );
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let answer = answer.json();
        let [access, id, refresh] =
            ["access_token", "id_token", "refresh_token"].map(|name| text(&answer, name));
        Tokens { access, id, refresh }
    }

    /// The access token of these.
    pub fn token(&self, user: &str) -> String {
        self.tokens(user).access
    }

    /// The access token of a client that acts for itself: `machine`.
    pub fn client_credentials(&self, client: &str) -> String {
        let answer = self.ask_as(client, "token", &["grant_type=client_credentials"]);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        text(&answer.json(), "access_token")
    }

    /// What it says of a token to the service that it is for (RFC 7662).
    pub fn introspect(&self, token: &str) -> Value {
        let answer = self.ask_as("shop-api", "token/introspect", &[&format!("token={token}")]);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json()
    }

    /// A form to one of its endpoints by a client that shows its secret.
    pub fn ask_as(&self, client: &str, endpoint: &str, form: &[&str]) -> Curl {
        let (user, url) = (format!("{client}:{client}-secret"), self.endpoint(endpoint));
        let mut arguments = vec!["--user", &user, &url];
        arguments.extend(form.iter().flat_map(|field| ["--data-urlencode", field]));
        let answer = curl(&arguments);
        assert_eq!(answer.exit, 0, "{url}");
        answer
    }

    /// The names (`kid`) of the keys with which its tokens may be signed now.
    pub fn keys(&self) -> Vec<String> {
        let published = curl(&[self.endpoint("certs")]).json();
        let keys = published["keys"].as_array().unwrap().iter();
        keys.map(|key| text(key, "kid")).collect()
    }

    /// Adds a key, with which tokens are signed from now on. The former ones stay published.
    pub fn add_key(&self) {
        let priority = 100 + self.signing_keys().len();
        let key = json!({
            "name": "added", "providerId": "rsa-generated", "providerType": KEYS,
            "config": { "priority": [priority.to_string()], "algorithm": ["RS256"] },
        });
        self.administer("POST", "/components", Some(&key));
    }

    /// Puts a new key in the place of all others: what these signed is void.
    pub fn rotate_keys(&self) {
        let former = self.signing_keys();
        self.add_key();
        for key in former {
            self.administer("DELETE", &format!("/components/{key}"), None);
        }
    }

    fn signing_keys(&self) -> Vec<String> {
        let all = self.administer("GET", &format!("/components?type={KEYS}"), None).json();
        let signing = all.as_array().unwrap().iter().filter(|key| key["providerId"] == "rsa-generated");
        signing.map(|key| text(key, "id")).collect()
    }

    /// Changes attributes of a client: `access.token.lifespan` in seconds, `backchannel.logout.url`.
    pub fn configure(&self, client: &str, attributes: &[(&str, &str)]) {
        let mut found = self.administer("GET", &format!("/clients?clientId={client}"), None).json();
        let mut client = found[0].take();
        for (name, value) in attributes {
            client["attributes"][*name] = json!(value);
        }
        self.administer("PUT", &format!("/clients/{}", text(&client, "id")), Some(&client));
    }

    /// Ends all sessions of a user, and tells clients that wish to know.
    pub fn end_sessions(&self, user: &str) {
        let found = self.administer("GET", &format!("/users?exact=true&username={user}"), None).json();
        self.administer("POST", &format!("/users/{}/logout", text(&found[0], "id")), None);
    }

    /// Fills in the form that a browser was sent to, and submits it.
    pub fn log_in(&self, browser: &Browser, user: &str) {
        browser.type_into("#username", user);
        assert!(browser.address().starts_with(&self.issuer()), "{}", browser.address());
        browser.type_into("#password", &format!("{user}-password"));
        browser.click("#kc-login");
    }

    /// A request to its REST API of administration; it must succeed. With [`ask_as`](Self::ask_as) it does what has no name here.
    pub fn administer(&self, method: &str, path: &str, body: Option<&Value>) -> Curl {
        self.keycloak.administer(method, &format!("/{}{path}", self.name), body)
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.keycloak.said_of(&format!("realmName=\"{}\"", self.name));
            eprintln!("the provider said:\n{}", said.join("\n"));
        }
    }
}

const KEYS: &str = "org.keycloak.keys.KeyProvider";

fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_else(|| panic!("no {field} in {object}")).to_owned()
}

/// The claims of a token, whoever signed it.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap_or_else(|| panic!("no token: {token}"));
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
