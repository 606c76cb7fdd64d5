//! Tokens of other kinds than for access, and those that were revoked.
//! Both have good signatures of a good issuer.

use super::*;

fn reason(yaml: &str, claims: Value) -> Option<String> {
    let outcome = ask(yaml, &token(claims));
    (outcome.response.status != 200).then(|| refused(&outcome).2)
}

#[test]
fn tokens_of_identity_identify_nobody_here() {
    for claims in [
        json!({"typ": "ID", "nonce": "n"}),
        json!({"typ": "Refresh"}),
        json!({"token_use": "id"}),
        json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
    ] {
        assert_eq!(reason("true", claims).as_deref(), Some("it is no access token"));
    }
    assert_eq!(reason("true", json!({"typ": "Bearer"})), None);
    assert_eq!(reason("true", json!({"token_use": "access"})), None);
    // Who wants them says so.
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let claims = json!({"iss": "us", "aud": "shop", "exp": NOW + 60, "typ": "ID"});
    let status = |yaml: &str| ask(yaml, &signed(&header, &claims, SECRET)).response.status;
    assert_eq!((status("{ typ: JWT }"), status("{ typ: [JWT, ID] }")), (401, 200));
}

#[test]
fn an_id_that_no_file_can_name_is_refused() {
    let yaml = "{ revoked: revoked }";
    for id in [json!(17), json!(["bad-1"]), json!(true)] {
        assert_eq!(reason(yaml, json!({"jti": id})).as_deref(), Some("its `jti` is no text"));
        assert_eq!(reason("true", json!({"jti": id})), None);
    }
    assert_eq!(reason(yaml, json!({})), None);
    assert_eq!(
        reason("{ revoked: revoked, require: [exp, jti] }", json!({})).as_deref(),
        Some("it has no `jti`")
    );
    let told = |yaml: &str| problems_in_document::<Jwt>(DOCUMENT, yaml, &files());
    assert!(told(yaml).contains("write `require: [exp, jti]`"));
    assert_eq!(told("{ revoked: revoked, require: [exp, jti] }"), "");
}
