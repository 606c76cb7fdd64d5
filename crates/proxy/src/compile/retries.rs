//! When requests of a route are tried again: what the route says over what its upstream says.
//! What calls for a retry when it comes to it is decided in `exchange::forward::again`.

use maitred_config::{Retries as Written, RouteRetries, Toggle};

use super::results::results;
use crate::retries::{Backoff, Retries};

/// Compiles both. No body is kept above `most` bytes.
pub(super) fn compile(
    upstream: Option<&Toggle<Written>>,
    route: Option<&Toggle<RouteRetries>>,
    most: u64,
) -> Retries {
    let written = match (upstream, route) {
        (_, Some(Toggle::Off)) | (Some(Toggle::Off), None) => return Retries::none(),
        (None, None) => return Retries::default(),
        (Some(Toggle::On(upstream)), None) => upstream.clone(),
        (Some(Toggle::On(upstream)), Some(Toggle::On(route))) => upstream.laid_over(route),
        (Some(Toggle::Off) | None, Some(Toggle::On(route))) => Written::default().laid_over(route),
    };
    Retries {
        attempts: written.attempts.get(),
        on: results(&written.retry_on),
        backoff: Some(
            written
                .backoff
                .on()
                .map_or(Backoff::NONE, |backoff| Backoff { first: backoff.first, most: backoff.max }),
        ),
        budget: written.budget.on().map(|share| share.millionths),
        buffer: usize::try_from(written.buffer.0.min(most)).unwrap_or(usize::MAX),
        hedge_after: written.hedge_after,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use maitred_config::read_text;
    use maitred_upstream::TryResult;

    use super::*;

    fn compiled(upstream: Option<&str>, route: Option<&str>) -> Retries {
        let upstream = upstream.map(|text| read_text(text).unwrap());
        let route = route.map(|text| read_text(text).unwrap());
        compile(upstream.as_ref(), route.as_ref(), 1 << 20)
    }

    #[test]
    fn a_route_replaces_field_by_field_what_its_upstream_has() {
        assert_eq!(compiled(None, None), Retries::default());
        for (upstream, route) in [(None, "false"), (Some("false"), "false"), (Some("true"), "false")] {
            assert_eq!(compiled(upstream, Some(route)), Retries::none());
        }
        assert_eq!(compiled(Some("false"), None), Retries::none());
        let usual = compiled(Some("true"), None);
        assert_eq!(usual.attempts, 3);
        assert_eq!(usual.budget, Some(200_000));
        assert_eq!(usual.buffer, 64 << 10);
        assert_eq!(usual.hedge_after, None);
        for (status, is_in) in [(502, true), (503, true), (500, false), (504, false), (200, false)] {
            assert_eq!(usual.on.has(TryResult::Status(status)), is_in, "{status}");
        }
        assert!(usual.on.connect_failure && usual.on.reset && usual.on.timeout);
        assert_eq!(compiled(None, Some("true")), usual);
        assert_eq!(compiled(Some("false"), Some("true")), usual);

        let upstream = "{ attempts: 5, retry_on: 503, budget: false, backoff: 10ms, hedge_after: 1s }";
        assert_eq!(compiled(Some(upstream), Some("true")), compiled(Some(upstream), None));
        let both = compiled(Some(upstream), Some("{ retry_on: 5xx, hedge_after: false, buffer: 2MiB }"));
        assert_eq!((both.attempts, both.budget, both.hedge_after), (5, None, None));
        assert_eq!(both.backoff.unwrap().first, Duration::from_millis(10));
        assert!(both.on.has(TryResult::Status(599)) && !both.on.connect_failure);
        assert_eq!(both.buffer, 1 << 20, "no more than may be in memory");
        assert_eq!(compiled(Some(upstream), Some("7")).attempts, 7);
        assert_eq!(compiled(None, Some("{ backoff: false }")).backoff, Some(Backoff::NONE));
    }
}
