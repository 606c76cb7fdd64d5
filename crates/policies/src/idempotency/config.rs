//! What users write for `idempotency`.
//! What needs the rest of the document is looked up later.

use std::time::Duration;

use maitred_config::scalar::HttpUrl;
use maitred_config::{
    ByteSize, Fields, HeaderName, Method, Problem, Reader, Spanned, config_map, config_words,
};

config_words! {
    /// What becomes of requests with a key while the store is away.
    pub enum KeysWithoutStore {
        /// They get 503: what the key asks for cannot be promised.
        Deny = "deny",
        /// They pass, as if they had no key.
        Allow = "allow",
    }
}

config_map! {
    /// Which requests are done once, and for how long their answers are kept.
    #[check = IdempotencyConfig::check]
    pub struct IdempotencyConfig {
        /// The field that carries the key.
        #[main]
        header: HeaderName = "Idempotency-Key",
        /// How long an answer is kept.
        ttl: Duration = "24h",
        /// The methods of requests that may carry a key. That of others is passed on, and nothing else.
        methods: Vec<Spanned<Method>> = "[POST, PATCH]",
        /// Whether a request with one of these methods needs a key. Without one it gets 400.
        required: bool = false,
        /// A page about this for those who write clients: answers to wrong keys link to it.
        documentation: Option<HttpUrl>,
        /// The largest body of an answer that is kept, at most 16MiB.
        max_body: ByteSize = "1MiB",
        /// How long a key is taken by a request of which nothing more is heard. It should be longer than a request may take.
        lock_ttl: Duration = "60s",
        /// The store; without it, the default one.
        store: Option<Spanned<String>>,
        /// What becomes of requests with a key while the store is away.
        on_store_failure: KeysWithoutStore = "deny",
    }
}

/// Each answer under way is held once more, and stores are no place for films.
const LARGEST: u64 = 16 << 20;
/// Longer than anybody waits for one answer.
const LONGEST_LOCK: Duration = Duration::from_hours(24);

impl IdempotencyConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.methods.is_empty() {
            let problem = Problem::error("no request is done once").at(fields.value_span("methods"));
            reader.problem(problem.help("name a method, or leave `idempotency` out"));
        }
        for method in &self.methods {
            if matches!(&*method.value.0, "GET" | "HEAD" | "OPTIONS") {
                let problem = Problem::error(format!("`{}` changes nothing", method.value)).at(method.span);
                reader.problem(problem.help("it may be sent as often as one likes: leave it out"));
            }
        }
        for (key, value) in [("ttl", self.ttl), ("lock_ttl", self.lock_ttl)] {
            if value.is_zero() {
                let problem = Problem::error(format!("`{key}` cannot be zero")).at(fields.value_span(key));
                reader.problem(problem.help("write how long, as in `60s`"));
            }
        }
        if self.lock_ttl > LONGEST_LOCK {
            let problem = Problem::error("no request takes longer than a day");
            let problem = problem.at(fields.value_span("lock_ttl"));
            reader.problem(problem.help("it is how long one request may take; answers are kept for `ttl`"));
        }
        if self.max_body.0 > LARGEST {
            let problem = Problem::error("this is more than 16MiB").at(fields.value_span("max_body"));
            reader
                .problem(problem.help("answers that are larger should be fetched by a request of their own"));
        }
    }
}
