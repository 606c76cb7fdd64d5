//! Delays and aborts requests on purpose, to see how clients take it.
//!
//! `delay` lets a share of the requests wait before they go on, and `abort` answers a share with an error and `X-Fault: abort`; one may meet
//! both. `when` chooses the requests. It is off unless it is written, and nothing else of the gateway knows of it.
//!
//! With `headers: true` a request may ask for it: `X-Fault-Delay: 200ms`, at most the time of `delay`, and `X-Fault-Abort: 503`, where
//! `abort` is configured. Such a request is not left to chance. Services do not see these fields. Whoever can reach the route
//! can set them: for tests, behind `when` or on a listener of their own.
//!
//! It runs once it is known who asks, and before caches and the service. Of policies of the same phase, such as limits, those that
//! are written above it have run.

use std::sync::Arc;
use std::time::Duration;

use maitred_config::scalar::{Percent, duration, status};
use maitred_config::{Fields, Problem, Reader, Spanned, StatusCode, config_map};
use maitred_http::{FieldName, RequestHead};
use maitred_policy::values::{Available, View};
use maitred_policy::{
    Build, Condition, Facts, Fault, Phase, Policy, PolicyKind, RequestCx, Runtime, Side, Step, Verdict,
};
use maitred_telemetry::{Measure, Measured, SharedCounter};

#[cfg(test)]
mod tests;

config_map! {
    /// Which requests are delayed, and which aborted.
    #[check = FaultConfig::check]
    pub struct FaultConfig {
        /// Lets requests wait before they go on.
        delay: Option<DelayConfig>,
        /// Answers requests with an error.
        abort: Option<AbortConfig>,
        /// A condition (CEL): only these requests. Without it, all.
        when: Option<Spanned<String>>,
        /// Whether requests may ask for it themselves, by `X-Fault-Delay` and `X-Fault-Abort`.
        headers: bool = false,
    }
}

config_map! {
    /// How long requests wait, and how many.
    pub struct DelayConfig {
        /// How long they wait. Requests that ask for it themselves wait no longer than this.
        #[main]
        duration as "for": Duration,
        /// The share of the requests.
        share: Percent = "100%",
    }
}

config_map! {
    /// What requests are answered with, and how many.
    #[check = AbortConfig::check]
    pub struct AbortConfig {
        /// The status, 400 to 599.
        #[main]
        status: StatusCode,
        /// The share of the requests.
        share: Percent = "100%",
    }
}

impl FaultConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if self.delay.is_none() && self.abort.is_none() {
            let problem = Problem::error("this does nothing to any request").at(fields.place());
            reader.problem(
                problem.help(
                    "say what: `delay: { for: 500ms, share: 10% }`, `abort: { status: 503, share: 5% }`",
                ),
            );
        }
    }
}

impl AbortConfig {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        if !is_error(self.status.0) {
            let problem =
                Problem::error("a request is aborted with an error").at(fields.value_span("status"));
            reader.problem(problem.help("write a status from 400 to 599"));
        }
    }
}

fn is_error(status: u16) -> bool {
    (400..600).contains(&status)
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct FaultPolicy {
    delay: Option<DelayConfig>,
    abort: Option<AbortConfig>,
    when: Option<Condition>,
    asked_by: Option<AskedBy>,
    injected: Arc<InjectedShared>,
}

/// The fields in which requests ask for it.
#[derive(Debug)]
struct AskedBy {
    delay: FieldName,
    abort: FieldName,
}

/// How much was done. Kept over reloads.
#[derive(Debug, Default)]
struct InjectedShared {
    delays: SharedCounter,
    aborts: SharedCounter,
}

impl PolicyKind for FaultPolicy {
    const NAME: &'static str = "fault";
    type Config = FaultConfig;
    type Compiled = Self;

    fn phase(_: &FaultConfig) -> Phase {
        Phase::Admit
    }

    fn compile(config: FaultConfig, build: &mut Build<'_>, previous: Option<&Self>) -> Option<Self> {
        let FaultConfig { delay, abort, when, headers } = config;
        let when = match when {
            Some(written) => Some(build.condition(&written, Available::Request)?),
            None => None,
        };
        let name = |text| FieldName::parse(text).expect("it is the name of a field");
        let asked_by =
            headers.then(|| AskedBy { delay: name("X-Fault-Delay"), abort: name("X-Fault-Abort") });
        let injected = previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.injected));
        Some(Self { delay, abort, when, asked_by, injected })
    }
}

/// What is done to one request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Planned {
    delay: Option<Duration>,
    abort: Option<u16>,
}

impl FaultPolicy {
    fn plan(&self, request: &RequestHead, facts: &Facts, runtime: &dyn Runtime) -> Result<Planned, Fault> {
        if self.when.as_ref().is_some_and(|when| !when.holds_when(&View::of_request(request, facts))) {
            return Ok(Planned::default());
        }
        let mut planned = Planned::default();
        if let Some(DelayConfig { duration, share }) = &self.delay {
            let asked = self.asked_by.as_ref().and_then(|asked_by| request.fields.first(&asked_by.delay));
            planned.delay = match asked.map(asked_delay).transpose()? {
                Some(asked) => Some(asked.min(*duration)),
                None => share.takes(runtime.random()).then_some(*duration),
            };
        }
        if let Some(AbortConfig { status, share }) = &self.abort {
            let asked = self.asked_by.as_ref().and_then(|asked_by| request.fields.first(&asked_by.abort));
            planned.abort = match asked.map(asked_abort).transpose()? {
                Some(asked) => Some(asked),
                None => share.takes(runtime.random()).then_some(status.0),
            };
        }
        Ok(planned)
    }

    fn end(&self, abort: Option<u16>) -> Verdict {
        let Some(status) = abort else { return Verdict::Continue };
        self.injected.aborts.inc();
        Fault::new(Side::Client, status, "fault_injected", "Fault injected")
            .field(b"X-Fault", b"abort")
            .into()
    }
}

fn asked_delay(value: &[u8]) -> Result<Duration, Fault> {
    let text = std::str::from_utf8(value).ok();
    let delay = text.and_then(|text| duration::parse(text).ok());
    delay.ok_or_else(|| Fault::client(400, "fault_field", "X-Fault-Delay is no duration such as 500ms"))
}

fn asked_abort(value: &[u8]) -> Result<u16, Fault> {
    let text = std::str::from_utf8(value).ok();
    let asked = text.and_then(|text| status::parse(text).ok()).filter(|status| is_error(*status));
    asked.ok_or_else(|| Fault::client(400, "fault_field", "X-Fault-Abort is no status from 400 to 599"))
}

impl Policy for FaultPolicy {
    type State = ();
    type Local = ();

    fn measured(&self) -> Option<Arc<dyn Measured>> {
        Some(Arc::clone(&self.injected) as Arc<dyn Measured>)
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        let RequestCx { request, facts, runtime, .. } = cx;
        let planned = self.plan(request, facts, runtime);
        if let Some(asked_by) = &self.asked_by {
            request.fields.remove(&asked_by.delay);
            request.fields.remove(&asked_by.abort);
        }
        match planned {
            Err(fault) => Step::fail(fault),
            Ok(Planned { delay: None, abort }) => Step::Ready(self.end(abort)),
            Ok(Planned { delay: Some(delay), abort }) => {
                self.injected.delays.inc();
                let over = runtime.sleep_until(runtime.now() + delay);
                Step::Later(Box::pin(async move {
                    over.await;
                    self.end(abort)
                }))
            }
        }
    }

    fn explain(&self, request: &RequestHead, facts: &Facts) -> String {
        if self.when.as_ref().is_some_and(|when| !when.holds_when(&View::of_request(request, facts))) {
            return "leaves it alone".to_owned();
        }
        let delay = self.delay.as_ref().map(|delay| {
            format!("delays {} of such requests by {}", delay.share, duration::format(delay.duration))
        });
        let abort = self
            .abort
            .as_ref()
            .map(|abort| format!("aborts {} of them with {}", abort.share, abort.status.0));
        delay.into_iter().chain(abort).collect::<Vec<_>>().join(", ")
    }
}

impl Measured for InjectedShared {
    fn measures(&self) -> Vec<Measure> {
        let kinds = [("delay", &self.delays), ("abort", &self.aborts)];
        let measure = |(kind, counter): (&'static str, &SharedCounter)| Measure {
            family: "maitred_fault_injected_total",
            help: "Requests that were delayed or aborted on purpose.",
            is_counter: true,
            label: Some(("kind", kind)),
            value: counter.value(),
        };
        kinds.map(measure).into()
    }
}
