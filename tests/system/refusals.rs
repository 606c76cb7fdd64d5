//! What is told of requests that were refused: why and by which policy, and never what they showed.
//! Who is refused at all is in the tests of the policies.

use maitred_tests::{Gateway, Origin};

use crate::access::new_key;

#[test]
fn logs_and_metrics_say_who_refused_and_why() {
    let (origin, (shown, hash)) = (Origin::start(), new_key());
    let gateway = Gateway::start(&format!(
        "telemetry: {{ log: debug }}\nconsumers: {{ acme: {{ api_keys: '{hash}' }} }}\nroutes:\n  app:\n    \
         upstream: \"{}\"\n    policies: {{ api_key: true, authorize: {{ groups: staff }}, request_size: 1KiB }}\n",
        origin.url()
    ));
    let key = format!("X-API-Key: {shown}");
    let big = "x".repeat(2000);
    for (path, arguments, policy, cause) in [
        ("/nothing", &[][..], "api_key", "missing_credentials"),
        ("/wrong", &["-H", "X-API-Key: mtr_0"], "api_key", "invalid_credentials"),
        ("/group", &["-H", &key], "authorize", "not_permitted"),
        ("/big", &["-H", &key, "-d", &big], "request_size", "request_too_large"),
    ] {
        assert!(gateway.curl(path, arguments).status() >= 400);
        let logged = gateway.access_to(path);
        assert_eq!([logged.text("policy"), logged.text("outcome")], [policy, cause], "{path}");
        let told = |line: &str| line.contains(cause) && line.contains(&format!("policy={policy} "));
        gateway.log().wait_for("the refusal", told);
        let labels = [("place", "routes.app.policies"), ("policy", policy), ("cause", cause)];
        assert_eq!(gateway.metrics().sum("maitred_policy_refused_total", &labels), 1, "{path}");
    }
}

#[test]
fn no_log_has_a_secret() {
    let (origin, (shown, hash)) = (Origin::start(), new_key());
    let places = "[header.X-K, query.k, cookie.k]";
    let gateway = Gateway::start(&format!(
        "telemetry: {{ log: trace }}\nconsumers: {{ acme: {{ api_keys: '{hash}' }} }}\nroutes:\n  \
         one: {{ match: /one, upstream: \"{0}\", policies: {{ api_key: {places} }} }}\n  \
         kept: {{ match: /kept, upstream: \"{0}\", policies: {{ api_key: {{ from: {places}, forward: true }} }} }}\n  \
         any: {{ match: /any, upstream: \"{0}\", policies: {{ any_of: {{ api_key: true, api_key/k: {places} }} }} }}\n  \
         both: {{ match: /both, upstream: \"{0}\", policies: {{ api_key: true, api_key/k: {places} }} }}\n  \
         early: {{ match: /early, upstream: \"{0}\", policies: {{ ip: {{ deny: 127.0.0.1/32 }}, api_key: {places} }} }}\n",
        origin.url()
    ));
    let wrong = "mtr_wrong_but_perhaps_of_another_gateway";
    for path in ["/one", "/kept", "/any", "/both", "/early"] {
        for key in [shown.as_str(), wrong] {
            let header = format!("X-K: {key}");
            let cookie = format!("Cookie: a=b; k={key}");
            let referer = format!("Referer: http://localhost/one?k={key}&a=b");
            let target = format!("{path}?k={key}&a=b");
            let other = format!("X-API-Key: {key}");
            for (target, arguments) in [
                (path, &["-H", header.as_str()][..]),
                (&target, &[]),
                (path, &["-H", &cookie]),
                (&target, &["-H", &other, "-H", &cookie, "-H", &header, "-H", &referer]),
                (&target, &["-H", "X-API-Key: mtr_0", "-H", &referer]),
            ] {
                gateway.curl(target, arguments);
            }
        }
    }
    gateway.access(50, |_| true);
    let all = [gateway.access_lines().all(), gateway.log().all()].concat();
    for line in all {
        assert!(!line.contains(&shown) && !line.contains(wrong), "{line}");
    }
}
