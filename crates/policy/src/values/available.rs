//! Which values exist at which step of a request.
//! Asked when texts and conditions are compiled, so that no value is silently empty at run time.

use maitred_config::scalar::{Source, ValueName};

/// A step of a request, as far as values are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Available {
    /// While the route is chosen: the request, and nothing that follows from it.
    Routing,
    /// On the way down, once the route is chosen.
    Request,
    /// On the way up.
    Response,
    /// In an answer to an error.
    Error,
}

impl Available {
    /// Whether `value` can be told at this step. `Err` is the message that says why not.
    pub fn check(self, value: &ValueName) -> Result<(), String> {
        let why = match (value.source(), self) {
            (Source::Request | Source::Clock, _)
            | (Source::Route | Source::Identity, Self::Request | Self::Response | Self::Error)
            | (Source::Upstream, Self::Response | Self::Error)
            | (Source::Response, Self::Response)
            | (Source::Error, Self::Error) => return Ok(()),
            (Source::Route | Source::Identity, Self::Routing) => "is not known while the route is chosen",
            (Source::Upstream, _) => "is not known before the request was sent to it",
            (Source::Response, Self::Error) => "does not exist in errors, `error.status` does",
            (Source::Response, _) => "is not known before there is a response",
            (Source::Error, _) => "exists only in `errors`",
            (Source::Body, _) => "cannot be used here, bodies are not read",
            (Source::Parts, _) => "exists only where an aggregate is put together",
        };
        Err(format!("`{value}` {why}"))
    }
}

#[cfg(test)]
mod tests {
    use maitred_config::scalar::value_name;

    use super::*;

    #[test]
    fn each_value_has_its_steps() {
        use Available::{Error, Request, Response, Routing};
        for (name, steps) in [
            ("header.A", &[Routing, Request, Response, Error][..]),
            ("now", &[Routing, Request, Response, Error]),
            ("route", &[Request, Response, Error]),
            ("path.id", &[Request, Response, Error]),
            ("claim.sub", &[Request, Response, Error]),
            ("upstream", &[Response, Error]),
            ("response.status", &[Response]),
            ("error.detail", &[Error]),
            ("body.a", &[]),
            ("parts.a", &[]),
        ] {
            let value = value_name::parse(name).unwrap();
            for step in [Routing, Request, Response, Error] {
                assert_eq!(step.check(&value).is_ok(), steps.contains(&step), "{name} at {step:?}");
            }
        }
    }

    #[test]
    fn the_reason_is_told() {
        let refused =
            |name: &str, step: Available| step.check(&value_name::parse(name).unwrap()).unwrap_err();
        assert_eq!(
            refused("response.status", Available::Request),
            "`response.status` is not known before there is a response"
        );
        assert_eq!(refused("error.title", Available::Response), "`error.title` exists only in `errors`");
        assert_eq!(
            refused("body.a", Available::Request),
            "`body.a` cannot be used here, bodies are not read"
        );
        assert_eq!(
            refused("path.id", Available::Routing),
            "`path.id` is not known while the route is chosen"
        );
    }
}
