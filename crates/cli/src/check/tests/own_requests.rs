//! Requests that policies answer themselves have to come to a route that has the policy: what is said where they do not.

use super::check_text;

/// What is wrong with a document that has this besides an issuer.
fn refused(more: &str) -> Vec<String> {
    let text = format!("maitred: 1\nissuers: {{ login: 'https://login.test' }}\n{more}");
    let told = check_text(&text, false, false);
    told.err.lines().filter_map(|line| line.strip_prefix("error: ").map(ToOwned::to_owned)).collect()
}

const LOGIN: &str = "oidc_login: { issuer: login, client_id: shop }";

#[test]
fn where_they_go_astray_is_told() {
    for (document, expected) in [
        (
            format!("routes: {{ app: {{ match: /app/*, respond: a, policies: {{ {LOGIN} }} }} }}"),
            &[
                "`oidc_login` answers `GET /oauth2/callback` on the route `app`, and no route takes it",
                "`oidc_login` answers `GET /oauth2/logout` on the route `app`, and no route takes it",
            ][..],
        ),
        (
            format!(
                "policies: {{ {LOGIN} }}
routes: {{ open: {{ match: '/oauth2/{{a}}', respond: a, policies: {{ oidc_login: false }} }} }}"
            ),
            &[
                "`oidc_login` answers `GET /oauth2/callback` everywhere, and the route `open` takes it, which does not have this policy",
                "`oidc_login` answers `GET /oauth2/logout` everywhere, and the route `open` takes it, which does not have this policy",
            ],
        ),
        (
            format!(
                "routes:\n  app: {{ match: {{ host: [a.test, b.test] }}, respond: a, policies: {{ {LOGIN} }} }}\n  other: {{ match: b.test/oauth2/callback, respond: a }}"
            ),
            &[
                "`oidc_login` answers `GET /oauth2/callback` on the route `app`, and the route `other` takes it, which does not have this policy",
            ],
        ),
        (
            "routes: { app: { match: 'GET /*', respond: a, policies: { any_of: { oidc_login: { issuer: login, client_id: shop, backchannel_logout: /bye }, jwt: true } } } }"
                .to_owned(),
            &["`any_of` answers `POST /bye` on the route `app`, and no route takes it"],
        ),
    ] {
        assert_eq!(refused(&document), expected, "{document}");
    }
}

#[test]
fn where_they_come_to_the_policy_all_is_well() {
    for document in [
        format!("policies: {{ {LOGIN} }}\nroutes: {{ app: {{ match: /app/*, respond: a }} }}"),
        format!(
            "routes: {{ app: {{ match: /*, respond: a, policies: {{ {LOGIN} }} }}, open: {{ match: /open, respond: a }} }}"
        ),
        format!(
            "routes: {{ app: {{ match: {{ path: [/app/*, /oauth2/*], host: '*.a.test' }}, respond: a, policies: {{ {LOGIN} }} }} }}"
        ),
        format!(
            "policy_sets: {{ in: {{ {LOGIN} }} }}\nroutes:\n  app: {{ match: /app/*, respond: a, policies: {{ use: in }} }}\n  login: {{ match: /oauth2/*, respond: a, policies: {{ use: in }} }}"
        ),
    ] {
        assert_eq!(refused(&document), Vec::<String>::new(), "{document}");
    }
}
