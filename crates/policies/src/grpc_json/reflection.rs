//! Descriptors that the service itself tells (`grpc.reflection`): the questions and answers of one try, and what is made of them.
//! When the service is asked, and where the result is kept, is not decided here.

use std::sync::Arc;

use maitred_grpc::{
    Code, Descriptors, FrameReader, GRPC_CONTENT_TYPE, Reflection, ReflectionVersion, Status, Transcoder,
    TranscoderOptions, push_frame,
};
use maitred_http::{Known, Method, PathRules, RequestHead, ResponseHead};
use maitred_policy::{Asking, Fetch, FetchError, Service, WholeBody};

/// How a service is asked, and what it is asked for.
#[derive(Debug)]
pub(super) struct Reflected {
    pub(super) options: TranscoderOptions,
}

/// What a service has told.
#[derive(Debug)]
pub(super) struct Described {
    descriptors: Descriptors,
    pub(super) transcoder: Arc<Transcoder>,
}

impl Fetch for Reflected {
    type Told = Reflection;
    type Thing = Described;

    fn ask<'a>(&'a self, service: &'a dyn Service) -> Asking<'a, Reflection> {
        Box::pin(async move {
            let told = match self.converse(service, ReflectionVersion::V1).await {
                Err(Refused { code: Some(Code::Unimplemented), .. }) => {
                    self.converse(service, ReflectionVersion::V1Alpha).await
                }
                told => told,
            };
            told.map_err(|refused| refused.why)
        })
    }

    fn make(&self, told: Reflection, last: Option<&Arc<Described>>) -> Result<Arc<Described>, FetchError> {
        let descriptors = told.finish().map_err(FetchError::new)?;
        if let Some(last) = last.filter(|last| last.descriptors == descriptors) {
            return Ok(Arc::clone(last));
        }
        let transcoder = Transcoder::new(&descriptors, self.options.clone()).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            FetchError::new(told.join("; "))
        })?;
        Ok(Arc::new(Described { descriptors, transcoder: Arc::new(transcoder) }))
    }
}

/// Why a service tells nothing.
struct Refused {
    /// Its status, where it has told one.
    code: Option<Code>,
    why: FetchError,
}

impl<T: std::fmt::Display> From<T> for Refused {
    fn from(why: T) -> Self {
        Self { code: None, why: FetchError::new(why) }
    }
}

impl Reflected {
    /// Asks in rounds, each a call with all that can be asked by then: a call whose request is whole before its answer begins passes
    /// everything between here and the service.
    async fn converse(
        &self,
        service: &dyn Service,
        version: ReflectionVersion,
    ) -> Result<Reflection, Refused> {
        let mut reflection = Reflection::new(&self.options.services);
        while !reflection.is_complete() {
            let mut body = Vec::new();
            let mut asked = 0;
            while let Some(request) = reflection.request() {
                push_frame(&mut body, &request)?;
                asked += 1;
            }
            let (head, answer) = service.ask(call(version.rpc_path())?, &body, Reflection::MAX_BYTES).await?;
            check(&head, &answer)?;
            let mut frames = FrameReader::new(Reflection::MAX_BYTES);
            let mut bytes = answer.bytes.as_slice();
            while let Some(message) = frames.take(&mut bytes)? {
                reflection.receive(&message)?;
                asked -= 1;
            }
            if asked > 0 {
                return Err("the service left questions of reflection without an answer".into());
            }
        }
        Ok(reflection)
    }
}

/// The head of a call.
fn call(path: &str) -> Result<RequestHead, Refused> {
    let mut request = RequestHead { method: Method::Post, ..RequestHead::default() };
    request.target.parse(path.as_bytes(), PathRules::Raw).map_err(|_| "the path of reflection is no path")?;
    request.fields.append_known(Known::ContentType, GRPC_CONTENT_TYPE.as_bytes());
    request.fields.append_known(Known::Te, b"trailers");
    Ok(request)
}

/// Whether the service has answered, and that all is well.
fn check(head: &ResponseHead, answer: &WholeBody) -> Result<(), Refused> {
    let told = Status::read(&head.fields).or_else(|| answer.trailers.as_ref().and_then(Status::read));
    let status = told.unwrap_or_else(|| Status::missing(head.status));
    match status.code {
        Code::Ok => Ok(()),
        Code::Unimplemented => {
            let why =
                FetchError::new(format_args!("the service does not offer reflection: {}", status.message));
            Err(Refused { code: Some(Code::Unimplemented), why })
        }
        code => Err(Refused {
            code: Some(code),
            why: FetchError::new(format_args!("{code}: {}", status.message)),
        }),
    }
}
