//! What users write for `cors`.
//! Origins have a grammar of their own, in `origins.rs`.

use std::time::Duration;

use maitred_config::{Fields, HeaderName, Method, Problem, Reader, config_map};

use crate::origins::OriginPattern;

config_map! {
    /// Which sites may call, and how.
    #[check = CorsConfig::check]
    pub struct CorsConfig {
        /// The sites whose pages may call: `https://shop.example`, `https://*.shop.example`, or `'*'` for all.
        #[main]
        origins: Vec<OriginPattern> = "'*'",
        /// The methods that they may use. Without it: those of the route.
        methods: Vec<Method>,
        /// The header fields that they may send. Without it: all that they ask for.
        headers: Vec<HeaderName>,
        /// The header fields of answers that they may read, besides the few that they always may.
        expose: Vec<HeaderName>,
        /// Whether browsers send cookies and let pages read the answers.
        credentials: bool = false,
        /// For how long browsers remember the answer to a preflight. Without it, they do for five seconds.
        max_age: Option<Duration>,
    }
}

impl CorsConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.origins.is_empty() {
            let problem = Problem::error("no site may call").at(fields.value_span("origins"));
            reader.problem(problem.help("name one, or leave `cors` out"));
        }
        if self.credentials && self.origins.contains(&OriginPattern::Any) {
            reader.problem(
                Problem::error("with `credentials`, the sites have to be listed")
                    .label(fields.key_span("credentials"), "with cookies,")
                    .label(fields.key_span("origins"), "every site could act for whoever visits it")
                    .help("write `origins: [https://shop.example]`"),
            );
        }
        if self.credentials && self.origins.iter().any(OriginPattern::is_of_anybody) {
            reader.problem(
                Problem::warning("with `credentials`, all sites below a name that anybody may buy could act for whoever visits them")
                    .at(fields.value_span("origins"))
                    .help("write the name of your own, as in `https://*.shop.example`"),
            );
        }
        if self.origins.contains(&OriginPattern::Null) {
            reader.problem(
                Problem::warning("`null` is the origin of every sandboxed frame and local file, of any site")
                    .at(fields.value_span("origins")),
            );
        }
    }
}
