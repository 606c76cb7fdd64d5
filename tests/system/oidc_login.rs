//! Logging in by a browser, at a real provider: there and back, roles, renewal, logging out from both ends, and what attackers try.

mod stored;

use std::cell::RefCell;

use maitred_tests::{Browser, Curl, Echo, Gateway, Origin, Realm, curl, eventually, skipped};

const SECRET: &str = "what the keys of cookies are made of, for all replicas";

fn realm(test: &str) -> Option<Realm> {
    let realm = Realm::create();
    if realm.is_none() {
        skipped(&format!("oidc_login::{test}"), "Keycloak is not installed");
    }
    realm
}

/// A document whose routes all ask for a login, and one of them for the role `admin`.
fn document(realm: &Realm, origin: &Origin, more: &str) -> String {
    format!(
        "issuers: {{ keycloak: '{}' }}\n\
         policies: {{ oidc_login: {{ issuer: keycloak, client_id: shop-web, client_secret: '${{file:client}}', secret: '${{file:secret}}', \
         backchannel_logout: /oauth2/backchannel, {more} }} }}\n\
         routes:\n  app: {{ match: /*, upstream: \"{1}\" }}\n  \
         admin: {{ match: /admin, upstream: \"{1}\", policies: {{ authorize: {{ roles: admin }} }} }}\n",
        realm.issuer(),
        origin.url()
    )
}

fn start(realm: &Realm, origin: &Origin, more: &str) -> Gateway {
    let files = [("client", "shop-web-secret"), ("secret", SECRET)];
    Gateway::start_with(&files, &document(realm, origin, more))
}

/// A browser made of curl, which follows nothing by itself: cookies by the place that they are of, name and value.
#[derive(Clone, Default)]
struct Jar(RefCell<Vec<[String; 3]>>);

impl Jar {
    fn send(&self, url: &str, arguments: &[&str]) -> Curl {
        let place = url.split('/').nth(2).unwrap();
        let own = |kept: &[String; 3]| (kept[0] == place).then(|| format!("{}={}", kept[1], kept[2]));
        let cookies: Vec<_> = self.0.borrow().iter().filter_map(own).collect();
        let line = format!("Cookie: {}", cookies.join("; "));
        let answer = curl(&[&["-H", &line, "-H", "Accept: text/html"][..], arguments, &[url]].concat());
        for cookie in answer.head.all("Set-Cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let mut kept = self.0.borrow_mut();
            kept.retain(|known| known[0] != place || known[1] != name);
            if !cookie.contains("Max-Age=0") {
                kept.push([place, name, value].map(ToOwned::to_owned));
            }
        }
        answer
    }

    fn open(&self, url: &str) -> Curl {
        self.send(url, &[])
    }

    /// Goes to a page, and logs in at the provider, unless that knows who it is: where it sends the browser back to.
    fn way_back(&self, url: &str, user: &str) -> String {
        let form = self.open(&location(&self.open(url)));
        if form.status() == 302 {
            return location(&form);
        }
        let text = form.text();
        let action = text.split("action=\"").nth(1).unwrap_or_else(|| panic!("{text}"));
        let action = action.split('"').next().unwrap().replace("&amp;", "&");
        let fields = [format!("username={user}"), format!("password={user}-password")];
        location(&self.send(&action, &["--data-urlencode", &fields[0], "--data-urlencode", &fields[1]]))
    }

    /// The same, and comes back.
    fn log_in(&self, url: &str, user: &str) {
        let back = self.open(&self.way_back(url, user));
        assert_eq!(back.status(), 302, "{}", back.text());
    }

    fn session(&self) -> Option<String> {
        self.0.borrow().iter().find(|kept| kept[1] == "session").map(|kept| kept[2].clone())
    }
}

fn location(answer: &Curl) -> String {
    answer
        .head
        .field("Location")
        .unwrap_or_else(|| panic!("{} {}", answer.status(), answer.text()))
        .to_owned()
}

#[test]
fn a_user_logs_in_and_out_by_a_browser() {
    let Some(realm) = realm("a_user_logs_in_and_out_by_a_browser") else { return };
    let Some(browser) = Browser::start(&[]) else {
        return skipped(
            "oidc_login::a_user_logs_in_and_out_by_a_browser",
            "chromium or chromedriver is not installed",
        );
    };
    let origin = Origin::start();
    let gateway = start(&realm, &origin, "after_logout: /oauth2/logout/done");
    browser.open(&gateway.url("/orders/1?a=b"));
    realm.log_in(&browser, "alice");
    // Back where she was.
    let comes_to = |place: &str| {
        eventually("the browser is back", || (browser.address() == gateway.url(place)).then_some(()));
    };
    comes_to("/orders/1?a=b");
    let page = gateway.access(1, |line| line.text("path") == "/orders/1" && line.number("status") == 200);
    assert_eq!(page[0].text("query"), "a=b");
    browser.open(&gateway.url("/admin"));
    assert_eq!(gateway.access_to("/admin").number("status"), 200);
    // The code is in no log.
    let back = gateway.access_to("/oauth2/callback");
    assert!(
        !back.text("query").contains("code=") && !back.text("query").contains("state="),
        "{}",
        back.text("query")
    );
    // Out, here and at the provider; the page to which that leads asks for the password again.
    browser.open(&gateway.url("/oauth2/logout"));
    realm.log_in(&browser, "bob");
    comes_to("/oauth2/logout/done");
    browser.open(&gateway.url("/admin"));
    let refused = gateway.access(1, |line| line.text("path") == "/admin" && line.number("status") == 403);
    assert_eq!(refused[0].text("outcome"), "not_permitted");
}

#[test]
fn services_learn_who_it_is_and_sessions_are_renewed() {
    let Some(realm) = realm("services_learn_who_it_is_and_sessions_are_renewed") else { return };
    realm.configure("shop-web", &[("access.token.lifespan", "2")]);
    let origin = Origin::start();
    let gateway = start(&realm, &origin, "forward: access_token");
    let jar = Jar::default();
    jar.log_in(&gateway.url("/a"), "alice");
    let seen = |jar: &Jar| {
        let answer = jar.send(&gateway.url("/a"), &["-H", "X-User-ID: root"]);
        let echo = Echo::of(&answer);
        assert!(echo.field("Cookie").is_none_or(str::is_empty));
        assert_eq!(echo.all("X-User-ID").len(), 1);
        assert_eq!(echo.field("X-Consumer-Groups"), Some("staff"));
        echo.field("Authorization").unwrap().to_owned()
    };
    let first = seen(&jar);
    let before = jar.clone();
    // All the while every request is let through.
    let second = eventually("the token is renewed", || Some(seen(&jar)).filter(|token| *token != first));
    assert_ne!(before.session(), jar.session());
    // Somebody whose requests were under way with the old cookie gets the same.
    assert_ne!(seen(&before), first);
    eventually("and again", || Some(seen(&jar)).filter(|token| *token != second));
    realm.end_sessions("alice");
    eventually("the provider refuses to renew", || {
        (jar.send(&gateway.url("/a"), &["-H", "Accept: */*"]).status() != 200).then_some(())
    });
}

#[test]
fn the_provider_ends_sessions() {
    let Some(realm) = realm("the_provider_ends_sessions") else { return };
    let origin = Origin::start();
    let gateway = start(&realm, &origin, "");
    realm.configure("shop-web", &[("backchannel.logout.url", &gateway.url("/oauth2/backchannel"))]);
    let (alice, bob) = (Jar::default(), Jar::default());
    alice.log_in(&gateway.url("/"), "alice");
    bob.log_in(&gateway.url("/"), "bob");
    let status = |jar: &Jar| jar.clone().open(&gateway.url("/")).status();
    assert_eq!((status(&alice), status(&bob)), (200, 200));
    realm.end_sessions("alice");
    assert_eq!(gateway.access_to("/oauth2/backchannel").number("status"), 200);
    assert_eq!((status(&alice), status(&bob)), (302, 200));
    // Also after a reload.
    gateway.reload(&(document(&realm, &origin, "") + "limits: { uri: 4KiB }\n"));
    assert_eq!((status(&alice), status(&bob)), (302, 200));
    alice.0.borrow_mut().clear();
    alice.log_in(&gateway.url("/"), "alice");
    assert_eq!(status(&alice), 200);
}

#[test]
fn a_provider_that_is_down_stops_nobody_who_is_in() {
    let Some(realm) = realm("a_provider_that_is_down_stops_nobody_who_is_in") else { return };
    let origin = Origin::start();
    let gateway = start(&realm, &origin, "");
    let (known, new) = (Jar::default(), Jar::default());
    known.log_in(&gateway.url("/"), "alice");
    let back = new.way_back(&gateway.url("/new"), "bob");
    realm.forwarder().cut();
    assert_eq!(known.open(&gateway.url("/")).status(), 200);
    let failed = new.open(&back);
    assert_eq!(
        (failed.status(), &failed.json()["detail"]),
        (503, &"The login service cannot be reached".into())
    );
    realm.forwarder().mend();
    eventually("logins go on", || {
        let jar = Jar::default();
        let back = jar.way_back(&gateway.url("/new"), "bob");
        (jar.open(&back).status() == 302).then_some(())
    });
    // It signs with other keys from now on, which nobody has told the gateway.
    realm.rotate_keys();
    new.log_in(&gateway.url("/new"), "bob");
    assert_eq!(new.open(&gateway.url("/new")).status(), 200);
    assert_eq!(known.open(&gateway.url("/")).status(), 200);
}

#[test]
fn logins_of_others_and_changed_cookies_are_refused() {
    let Some(realm) = realm("logins_of_others_and_changed_cookies_are_refused") else { return };
    let origin = Origin::start();
    let gateway = start(&realm, &origin, "");
    let mallory = Jar::default();
    let back = mallory.way_back(&gateway.url("/"), "bob");
    // Put upon somebody else, who has begun no login or another.
    let victim = Jar::default();
    let refused = victim.open(&back);
    assert_eq!((refused.status(), victim.session()), (403, None));
    victim.open(&gateway.url("//evil.test/"));
    assert_eq!((victim.open(&back).status(), victim.session()), (403, None));
    // Neither half nor whole twice.
    let with_cookie = mallory.clone();
    assert_eq!(mallory.open(&back).status(), 302);
    assert_eq!(with_cookie.open(&back).status(), 401, "the provider has taken the code already");
    // Nobody is sent elsewhere.
    let back = victim.way_back(&gateway.url("//evil.test/"), "alice");
    assert_eq!(location(&victim.open(&back)), "/");
    // A session that was changed, or is another's client's, is none.
    let good = victim.session().unwrap();
    for changed in [
        format!("{good}A"),
        good[..good.len() - 2].to_owned(),
        good.replacen('1', "2", 1),
        "1AAAA".to_owned(),
    ] {
        let cookie = format!("Cookie: session={changed}");
        let answer = gateway.curl("/", &["-H", &cookie]);
        assert_eq!((answer.status(), &answer.json()["detail"]), (401, &"Session ended".into()));
    }
    // Pages of other sites log nobody out.
    let foreign = victim.send(&gateway.url("/oauth2/logout"), &["-H", "Sec-Fetch-Site: cross-site"]);
    assert_eq!((foreign.status(), victim.session()), (403, Some(good)));
    let out =
        victim.send(&gateway.url("/oauth2/logout"), &["-X", "POST", "-H", "Sec-Fetch-Site: same-origin"]);
    assert!(out.status() == 303 && location(&out).starts_with(&realm.endpoint("logout")), "{}", out.status());
    // Somebody makes up that sessions have ended.
    let forged = gateway.curl("/oauth2/backchannel", &["--data", "logout_token=e30.e30.e30"]);
    assert_eq!(forged.status(), 400);
}

#[test]
fn a_document_where_the_way_back_goes_astray_is_refused() {
    let Some(realm) = realm("a_document_where_the_way_back_goes_astray_is_refused") else { return };
    let origin = Origin::start();
    let gateway = start(&realm, &origin, "");
    let jar = Jar::default();
    jar.log_in(&gateway.url("/"), "alice");
    let astray =
        document(&realm, &origin, "") + "  open: { match: /oauth2/*, respond: open, policies: false }\n";
    gateway.write(&astray);
    let told =
        "`oidc_login` answers `GET /oauth2/callback` on the route `app`, and the route `open` takes it";
    gateway.log().wait_for(told, |line| line.contains(told));
    assert_eq!(jar.open(&gateway.url("/")).status(), 200, "the last document goes on");
}

#[test]
fn programs_show_tokens_where_browsers_log_in() {
    let Some(realm) = realm("programs_show_tokens_where_browsers_log_in") else { return };
    let origin = Origin::start();
    let files = [("client", "shop-web-secret"), ("secret", SECRET)];
    let gateway = Gateway::start_with(
        &files,
        &format!(
            "issuers: {{ keycloak: '{}' }}\n\
             policies: {{ any_of: {{ jwt: keycloak, oidc_login: {{ issuer: keycloak, client_id: shop-web, client_secret: '${{file:client}}', secret: '${{file:secret}}' }} }} }}\n\
             routes: {{ app: {{ match: /*, upstream: \"{}\" }} }}\n",
            realm.issuer(),
            origin.url()
        ),
    );
    let jar = Jar::default();
    jar.log_in(&gateway.url("/a?b"), "alice");
    let user = |answer: &Curl| Echo::of(answer).field("X-User-ID").unwrap().to_owned();
    let by_session = jar.open(&gateway.url("/"));
    assert!(Echo::of(&by_session).field("Cookie").is_none_or(str::is_empty));
    let token = format!("Authorization: Bearer {}", realm.token("alice"));
    assert_eq!(user(&by_session), user(&gateway.curl("/", &["-H", &token])));
    // The first that is shown decides, and the service gets no session besides.
    let both = jar.send(&gateway.url("/"), &["-H", &token]);
    assert!(Echo::of(&both).field("Cookie").is_none_or(str::is_empty));
    assert_eq!(jar.send(&gateway.url("/"), &["-H", "Authorization: Bearer made-up"]).status(), 401);
    let nothing = gateway.curl("/", &[]);
    assert_eq!(
        nothing.head.all("WWW-Authenticate"),
        ["Bearer realm=\"gateway\"", "Session realm=\"gateway\""]
    );
    assert_eq!(nothing.status(), 401);
}
