//! Offers a service of gRPC as JSON over HTTP: requests become calls by the service's own annotations.
//!
//! What a request calls stands in the service's `.proto` files, in `google.api.http` annotations: paths with variables, which
//! field the body is, and all other fields in the query. The gateway has them from files, or from the service itself. Every method can also be called with
//! `POST /package.Service/Method` and its message as JSON. The annotations have to name the paths as clients ask for them, and the
//! upstream has to speak gRPC: `grpc://…` or `grpcs://…`.
//!
//! JSON is what [protobuf makes of it](https://protobuf.dev/programming-guides/json/): names in `lowerCamelCase`, 64-bit numbers as
//! text, `bytes` in base64, `Timestamp` and the like as text. What does not fit is refused with 400 and the place where it stands.
//! A method that streams its answer gives a line of JSON for each message (`application/x-ndjson`), or an event for each where the
//! client accepts `text/event-stream`; one that takes a stream takes a list, or lines of JSON. Errors of the service become their HTTP
//! status, and a problem (RFC 9457) with `code` and `details`. Calls of gRPC itself pass as they are.
//!
//! With `reflection: true` the gateway asks the upstream of the route what it offers (`grpc.reflection.v1`, or `v1alpha`): as soon as it
//! serves, every five minutes, and soon after a call that the service does not know or a path that no call has. Until there is an
//! answer requests get 503, and the gateway's log says why. What was told once serves on while the service is away, and over reloads.
//! `maitred check` and `maitred explain` ask nobody, and say what they cannot know. Routes without an upstream are left as they are.
//! [gRPC](../grpc.md) has a whole example.

mod answer;
mod reflection;
mod sources;

use std::sync::Arc;

use maitred_config::{FilePath, OneOrMany, config_map, config_words};
use maitred_grpc::{
    Binding, Code, EventFormat, GRPC_CONTENT_TYPE, JsonOptions, Transcoder, TranscoderOptions, push_frame,
};
use maitred_http::{Known, Method, RequestHead};
use maitred_policy::{
    Build, Facts, Fault, FetchedShared, Fetching, Needs, Origin, Phase, Policy, PolicyKind, RequestCx,
    ResponseCx, Side, Step, Verdict,
};

use self::answer::{Answered, Call};
use self::reflection::Reflected;
use self::sources::Source;

config_map! {
    /// Which services are offered, and how their messages are written. One of `descriptors`, `protos` and `reflection` is needed.
    pub struct GrpcJsonConfig {
        /// A file with descriptors, with all that they import: what `protoc --include_imports --descriptor_set_out` or
        /// `buf build` writes.
        #[main]
        descriptors: Option<FilePath>,
        /// `.proto` files, or patterns of them: `protos/*.proto`. What they import is looked for beside them and in the folders above
        /// them; `google/protobuf`, `google/api` and `google/rpc` need not be there.
        protos: Option<OneOrMany<FilePath>>,
        /// Whether the service is asked what it offers, by gRPC server reflection.
        reflection: bool = false,
        /// The full names of the services to offer. Without it, all.
        services: Option<OneOrMany<String>>,
        /// How fields are named in answers. Both are read.
        names: FieldNames = "json",
        /// Whether answers have fields that have their default value.
        defaults: bool = false,
        /// How values of enums are written. Both are read.
        enums: EnumValues = "names",
        /// What becomes of fields that the messages do not have.
        unknown_fields: UnknownFields = "refuse",
    }
}

config_words! {
    /// How fields are named.
    pub enum FieldNames {
        /// In `lowerCamelCase`, or as `json_name` says.
        Json = "json",
        /// As in the `.proto` file.
        Proto = "proto",
    }
}

config_words! {
    /// How values of enums are written.
    pub enum EnumValues {
        /// By their names.
        Names = "names",
        /// By their numbers.
        Numbers = "numbers",
    }
}

config_words! {
    /// What becomes of unknown fields.
    pub enum UnknownFields {
        /// The request is refused with 400.
        Refuse = "refuse",
        /// They are passed over.
        Ignore = "ignore",
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct GrpcJson {
    config: GrpcJsonConfig,
    offer: Offer,
}

/// What the services offer.
#[derive(Debug)]
enum Offer {
    /// It stands in files.
    Written(Arc<Transcoder>),
    /// The service tells it.
    Told(Arc<FetchedShared<Reflected>>),
}

impl PolicyKind for GrpcJson {
    const NAME: &'static str = "grpc_json";
    type Config = GrpcJsonConfig;
    type Compiled = Self;

    fn phase(_: &GrpcJsonConfig) -> Phase {
        Phase::Prepare
    }

    fn compile(config: GrpcJsonConfig, build: &mut Build<'_>, previous: Option<&Self>) -> Option<Self> {
        let source = sources::source(&config, build)?;
        let options = TranscoderOptions {
            services: config.services.iter().flat_map(|services| services.iter()).cloned().collect(),
            json: JsonOptions {
                ignore_unknown: config.unknown_fields == UnknownFields::Ignore,
                preserve_proto_field_names: config.names == FieldNames::Proto,
                always_print_primitive_fields: config.defaults,
                enums_as_ints: config.enums == EnumValues::Numbers,
                ..JsonOptions::default()
            },
            ..TranscoderOptions::default()
        };
        let offer = match source {
            Source::Files(descriptors) => {
                Offer::Written(Arc::new(sources::transcoder(&descriptors, options, build)?))
            }
            Source::Reflection => match previous.filter(|previous| previous.config == config) {
                Some(Self { offer: Offer::Told(told), .. }) => Offer::Told(Arc::clone(told)),
                _ => Offer::Told(Arc::new(FetchedShared::new(Reflected { options }))),
            },
        };
        Some(Self { config, offer })
    }
}

impl Policy for GrpcJson {
    type State = Option<Call>;
    type Local = ();

    fn needs(&self) -> Needs {
        Needs { request_body: true, upstream: self.config.reflection, ..Needs::default() }
    }

    fn fetched(&self) -> Vec<Fetching> {
        match &self.offer {
            Offer::Written(_) => Vec::new(),
            Offer::Told(told) => vec![Fetching { thing: Arc::clone(told) as _, from: Origin::Route }],
        }
    }

    fn wants_body(&self, request: &RequestHead, _: &Facts) -> Option<u64> {
        let finds =
            |transcoder: &Transcoder| transcoder.find(request.method, request.target.path()).is_some();
        let wants = !is_grpc(request) && self.offer.transcoder().is_some_and(|transcoder| finds(&transcoder));
        wants.then_some(u64::MAX)
    }

    fn on_request<'a>(&'a self, cx: RequestCx<'a, Self>) -> Step<'a, Verdict> {
        if is_grpc(cx.request) {
            return Step::CONTINUE;
        }
        match self.call(cx) {
            Ok(()) => Step::CONTINUE,
            Err(fault) => Step::fail(fault),
        }
    }

    fn on_response<'a>(&'a self, cx: ResponseCx<'a, Self>) -> Step<'a, Verdict> {
        let ResponseCx { response, facts, body, state, .. } = cx;
        let Some(call) = state.take() else { return Step::CONTINUE };
        match call.answer(response, body, facts) {
            Ok(Answered::Goes) => Step::CONTINUE,
            Ok(Answered::Refused(code, reply)) => {
                if code == Code::Unimplemented {
                    self.offer.is_missed();
                }
                Step::respond(reply)
            }
            Err(fault) => Step::fail(fault),
        }
    }

    fn explain(&self, request: &RequestHead, _: &Facts) -> String {
        if is_grpc(request) {
            return "passes it as it is: a call of gRPC".to_owned();
        }
        let Some(transcoder) = self.offer.transcoder() else {
            return "calls what the service says by reflection, which is only known while the gateway runs"
                .to_owned();
        };
        match transcoder.find(request.method, request.target.path()) {
            Some(binding) => format!("calls {}", binding.rpc_path()),
            None => "refuses: no call has this path".to_owned(),
        }
    }
}

impl Offer {
    /// What is known now.
    fn transcoder(&self) -> Option<Arc<Transcoder>> {
        match self {
            Self::Written(transcoder) => Some(Arc::clone(transcoder)),
            Self::Told(told) => told.now().as_ref().map(|described| Arc::clone(&described.transcoder)),
        }
    }

    /// Something was asked for that is not offered, or no longer: the service may offer something else by now.
    fn is_missed(&self) {
        if let Self::Told(told) = self {
            told.want();
        }
    }

    /// Why nothing is known yet.
    fn unknown(&self) -> Fault {
        let detail = "The service has not described its calls yet";
        let fault = Fault::new(Side::Upstream, 503, "grpc_reflection", detail);
        match self {
            Self::Told(told) => match told.failure() {
                Some(why) => fault.source(why),
                None => fault,
            },
            Self::Written(_) => fault,
        }
    }
}

impl GrpcJson {
    /// Makes a request the call that it means.
    fn call(&self, cx: RequestCx<'_, Self>) -> Result<(), Fault> {
        let RequestCx { request, facts, body, state, .. } = cx;
        let transcoder = self.offer.transcoder().ok_or_else(|| self.offer.unknown())?;
        let binding = self.binding(&transcoder, request)?;
        if request.fields.has(Known::ContentEncoding) {
            return Err(Fault::client(415, "content_encoding", "Encoded bodies are not taken"));
        }
        // Where it was not read, the call was not known a moment ago.
        let whole = body.whole.as_mut().ok_or_else(|| self.offer.unknown())?;
        let bytes = std::mem::take(&mut whole.bytes);
        whole.trailers = None;
        for message in messages(&transcoder, binding, request, &bytes)? {
            push_frame(&mut whole.bytes, &message).map_err(|error| too_large(error.to_string()))?;
        }
        let format = EventFormat::of_request(&request.fields);
        // To a HEAD no body is sent, so that none may stream.
        body.wants_whole_response = !binding.is_server_streaming() || request.method == Method::Head;
        facts.remember(request);
        request.method = Method::Post;
        request.target.set_path(binding.rpc_path());
        let binding = binding.clone();
        *state = Some(Call { transcoder, binding, format });
        request.target.set_query(None);
        request.fields.set_known(Known::ContentType, GRPC_CONTENT_TYPE.as_bytes());
        request.fields.set_known(Known::Te, b"trailers");
        for name in [Known::Accept, Known::AcceptEncoding, Known::ContentLength] {
            request.fields.remove_known(name);
        }
        Ok(())
    }

    fn binding<'t>(&self, transcoder: &'t Transcoder, request: &RequestHead) -> Result<&'t Binding, Fault> {
        let path = request.target.path();
        if let Some(binding) = transcoder.find(request.method, path) {
            return Ok(binding);
        }
        self.offer.is_missed();
        let allowed = transcoder.allowed(path);
        if allowed.is_empty() {
            return Err(Fault::client(404, "grpc_call_not_found", "Not found"));
        }
        let allowed: Vec<_> = allowed.iter().map(|method| method.as_str().to_owned()).collect();
        Err(Fault::client(405, "grpc_method_not_allowed", "Method not allowed")
            .field(Known::Allow.as_str().as_bytes(), allowed.join(", ").as_bytes()))
    }
}

/// The messages that a request sends.
fn messages(
    transcoder: &Transcoder,
    binding: &Binding,
    request: &RequestHead,
    body: &[u8],
) -> Result<Vec<Vec<u8>>, Fault> {
    let (path, query) = (request.target.path(), request.target.query());
    let refused =
        |error: maitred_grpc::RequestError| Fault::client(400, "grpc_json_request", error.to_string());
    if !binding.is_client_streaming() {
        let message = transcoder.request(binding, path, query, body).map_err(refused)?;
        return Ok(vec![message]);
    }
    let kind = request.fields.known(Known::ContentType).unwrap_or_default();
    let is_lines = kind.to_ascii_lowercase().starts_with(b"application/x-ndjson");
    let mut messages = Vec::new();
    let mut stream = transcoder.stream(binding, path, query, is_lines).map_err(refused)?;
    stream.feed(body, &mut messages).map_err(refused)?;
    stream.finish(&mut messages).map_err(refused)?;
    Ok(messages)
}

fn too_large(detail: String) -> Fault {
    Fault::client(413, "grpc_message_too_large", detail)
}

/// Whether it is a call of gRPC already, or of gRPC-Web.
fn is_grpc(request: &RequestHead) -> bool {
    let kind = request.fields.known(Known::ContentType).unwrap_or_default();
    kind.get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"))
}

#[cfg(test)]
mod tests;
