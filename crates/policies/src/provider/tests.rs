//! How a client shows who it is, and what is made of answers.

use maitred_http::{Known, ResponseHead};

use super::discovery::Discovery;
use super::*;

fn client(shows: ClientAuthentication) -> Client {
    Client::new("shop web:1", Some("s e+c:r%t"), shows)
}

fn asked(client: &Client) -> (Option<String>, String) {
    let (head, body) = client.question(Form::default().field("grant_type", "urn:a").field_if("b", None));
    let shown =
        head.fields.known(Known::Authorization).map(|shown| String::from_utf8(shown.to_vec()).unwrap());
    (shown, String::from_utf8(body).unwrap())
}

#[test]
fn a_client_shows_its_secret_as_it_is_told_to() {
    // `shop+web%3A1:s+e%2Bc%3Ar%25t`
    let (shown, body) = asked(&client(ClientAuthentication::Basic));
    assert_eq!(shown.as_deref(), Some("Basic c2hvcCt3ZWIlM0ExOnMrZSUyQmMlM0FyJTI1dA=="));
    assert_eq!(body, "grant_type=urn%3Aa");
    let (shown, body) = asked(&client(ClientAuthentication::Post));
    assert_eq!(shown, None);
    assert_eq!(body, "grant_type=urn%3Aa&client_id=shop+web%3A1&client_secret=s+e%2Bc%3Ar%25t");
    let (shown, body) = asked(&Client::new("app", None, ClientAuthentication::Basic));
    assert_eq!((shown, body.as_str()), (None, "grant_type=urn%3Aa&client_id=app"));
    let debugged =
        format!("{:?} {:?}", client(ClientAuthentication::Post), Form::default().field("a", "hush"));
    assert!(!debugged.contains("e+c") && !debugged.contains("hush"), "{debugged}");
}

fn read(status: u16, body: &str) -> Result<Answer, Denied> {
    Answer::read(&ResponseHead { status, ..ResponseHead::default() }, body.as_bytes())
}

#[test]
fn answers_are_told_from_refusals_and_failures() {
    let answer =
        read(200, r#"{"access_token":"abc","token_type":"bearer","expires_in":"60","x":""}"#).unwrap();
    assert_eq!((answer.bearer().unwrap(), answer.lifetime()), ("abc", Some(Duration::from_mins(1))));
    assert_eq!((answer.text("x"), format!("{answer:?}").contains("abc")), (None, false));
    for (status, body, says) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"Token\u0007 is not active"}"#,
            "it refuses: invalid_grant: Token is not active",
        ),
        (401, r#"{"error":"invalid_client"}"#, "it refuses: invalid_client"),
        (404, "<html>", "it answered 404"),
        (500, r#"{"error":"server_error"}"#, "it answered 500"),
        (302, "", "it answered 302"),
        (200, "[]", "its answer is no JSON object"),
    ] {
        assert_eq!(read(status, body).unwrap_err().to_string(), says);
    }
    let token = "x".repeat(100);
    let refused = read(400, &format!(r#"{{"error":"invalid_grant","error_description":"no {token} here"}}"#));
    assert_eq!(refused.unwrap_err().to_string(), "it refuses: invalid_grant: no … here");
    for body in [r#"{"access_token":"a","token_type":"DPoP"}"#, r#"{"access_token":"a b"}"#, "{}"] {
        read(200, body).unwrap().bearer().unwrap_err();
    }
}

#[test]
fn nobody_describes_another_provider() {
    let url = |text: &str| maitred_config::scalar::http_url::parse(text).unwrap();
    let discovery = Discovery::new(
        "https://login.test",
        url("https://login.test/.well-known/openid-configuration"),
        None,
    );
    let read = |text: &str| discovery.read(&serde_json::from_str(text).unwrap());
    let good = r#"{"issuer":"https://login.test","token_endpoint":"https://login.test/t"}"#;
    let endpoints = read(good).unwrap();
    assert_eq!((endpoints.token, endpoints.introspection), (Some(url("https://login.test/t")), None));
    assert!(
        read(&good.replace("login.test\",", "evil.test\","))
            .unwrap_err()
            .to_string()
            .contains("describes the issuer")
    );
    assert!(
        read(&good.replace("https://login.test/t", "http://login.test/t"))
            .unwrap_err()
            .to_string()
            .contains("not `https`")
    );
}
