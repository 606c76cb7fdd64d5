//! Health of upstreams as users write it, into what crate upstream goes by.
//! What does not fit together was refused when the document was read.

use maitred_config::{
    GrpcHealth, HealthCheck as WrittenCheck, OutlierDetection as WrittenOutliers, TextMatch,
    Upstream as Written,
};
use maitred_http::Method;
use maitred_upstream::{BodyMatch, CheckFields, CheckKind, HealthCheck, HttpCheck, OutlierDetection};

use super::results::results;

/// How the endpoints of an upstream are checked.
pub(super) fn health_check(upstream: &Written) -> Option<HealthCheck> {
    let written = upstream.health_check.as_ref()?;
    let speaks_grpc = upstream.endpoints.iter().all(|endpoint| endpoint.url.scheme.is_grpc());
    Some(HealthCheck {
        kind: kind(written, speaks_grpc),
        interval: written.interval,
        timeout: written.timeout,
        unhealthy_after: written.unhealthy_after.get(),
        healthy_after: written.healthy_after.get(),
        jitter: written.jitter.millionths,
        port: written.port.map(std::num::NonZero::get),
    })
}

/// By what an endpoint is asked: by what is written, else by what it speaks.
fn kind(written: &WrittenCheck, speaks_grpc: bool) -> CheckKind {
    let sent = CheckFields {
        host: written.host.as_ref().map(|host| host.0.clone()),
        others: written.headers.iter().map(|field| (field.name.to_string(), field.value.0.clone())).collect(),
    };
    match &written.grpc {
        _ if written.tcp => CheckKind::Tcp,
        Some(GrpcHealth::Service(name)) => CheckKind::Grpc { service: name.clone(), sent },
        Some(GrpcHealth::Server) => CheckKind::Grpc { service: String::new(), sent },
        None if speaks_grpc && written.path.is_none() => CheckKind::Grpc { service: String::new(), sent },
        None => CheckKind::Http(http_check(written, sent)),
    }
}

fn http_check(written: &WrittenCheck, sent: CheckFields) -> HttpCheck {
    let target = written.path.as_ref().map_or("/", |path| path.0.as_str());
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    HttpCheck {
        // It was read as one.
        method: Method::parse(written.method.0.as_bytes()).unwrap_or(Method::Get),
        path: path.to_owned(),
        query: query.map(str::to_owned),
        sent,
        statuses: written.expect_status.iter().map(|status| status.0.clone()).collect(),
        body: written.expect_body.as_ref().map(|body| match body {
            TextMatch::Exact(text) => BodyMatch::Text(text.clone()),
            TextMatch::Regex(pattern) => BodyMatch::Regex(pattern.clone()),
        }),
    }
}

/// When endpoints are ejected.
pub(super) fn outlier_detection(written: &WrittenOutliers) -> OutlierDetection {
    OutlierDetection {
        consecutive_errors: written.consecutive_errors.get(),
        eject_for: written.eject_for,
        max_eject_for: written.max_eject_for,
        max_ejected: written.max_ejected.millionths,
        failure_on: results(&written.failure_on),
    }
}

#[cfg(test)]
mod tests {
    use maitred_config::read_text;

    use super::*;

    fn compiled(upstream: &str) -> CheckKind {
        health_check(&read_text::<Written>(upstream).unwrap()).unwrap().kind
    }

    #[test]
    fn what_is_asked_follows_from_what_is_written_and_then_from_the_endpoints() {
        let path = |kind| match kind {
            CheckKind::Http(check) => format!("{} {} {:?}", check.method.as_str(), check.path, check.query),
            other => format!("{other:?}"),
        };
        let http = |check: &str| path(compiled(&format!("{{ endpoints: http://a, health_check: {check} }}")));
        let grpc = |check: &str| path(compiled(&format!("{{ endpoints: grpc://a, health_check: {check} }}")));
        assert_eq!(http("true"), "GET / None");
        assert_eq!(http("/healthz?deep=1"), "GET /healthz Some(\"deep=1\")");
        assert_eq!(http("{ method: HEAD }"), "HEAD / None");
        assert_eq!(http("{ tcp: true }"), "Tcp");
        assert_eq!(grpc("/healthz"), "GET /healthz None");
        assert_eq!(grpc("{ tcp: true }"), "Tcp");
        let asks =
            |service: &str| format!("Grpc {{ service: {service:?}, sent: {:?} }}", CheckFields::default());
        assert_eq!([grpc("true"), grpc("{ grpc: a.B }")], [asks(""), asks("a.B")]);
    }

    #[test]
    fn when_checks_are_made_is_as_it_is_written() {
        let check =
            "{ interval: 10s, timeout: 2s, unhealthy_after: 7, healthy_after: 8, jitter: 25%, port: 9000 }";
        let upstream = format!("{{ endpoints: http://a, health_check: {check} }}");
        let compiled = health_check(&read_text::<Written>(&upstream).unwrap()).unwrap();
        let seconds = [compiled.interval, compiled.timeout].map(|time| time.as_secs());
        assert_eq!((seconds, compiled.jitter, compiled.port), ([10, 2], 250_000, Some(9000)));
        assert_eq!((compiled.unhealthy_after, compiled.healthy_after), (7, 8));
    }

    #[test]
    fn ejection_is_on_with_what_crate_upstream_has_as_its_default() {
        let written = read_text::<Written>("http://a").unwrap();
        let outliers = written.outlier_detection.on().map(outlier_detection);
        assert_eq!(outliers, Some(OutlierDetection::default()));
    }
}
