//! A request into the message of a call, or into several where the client streams. The body comes first, then the query
//! and the path, so that these win.

use std::sync::Arc;

use super::binding::{Binding, Body};
use super::elements::Elements;
use super::error::{Place, RequestError};
use super::query::put_query;
use super::{Transcoder, TranscoderOptions};
use crate::json::{JsonError, Parser, Reader};

impl Transcoder {
    /// The encoded message of a request whose client does not stream. `path` and `query` are as in the request target,
    /// still percent-encoded; an empty body gives no field.
    pub fn request(
        &self,
        binding: &Binding,
        path: &str,
        query: Option<&str>,
        body: &[u8],
    ) -> Result<Vec<u8>, RequestError> {
        let mut out = Vec::new();
        put_body(&mut out, binding, body, &self.options)?;
        out.extend(bound(binding, path, query, &self.options)?);
        Ok(out)
    }

    /// The messages of a request whose client streams. The body is a JSON array of them, or with `ndjson`, from the
    /// body's content type, a line for each. What path and query give is in the first message.
    pub fn stream(
        &self,
        binding: &Binding,
        path: &str,
        query: Option<&str>,
        ndjson: bool,
    ) -> Result<RequestStream, RequestError> {
        Ok(RequestStream {
            binding: binding.clone(),
            options: Arc::clone(&self.options),
            elements: Elements::new(ndjson, self.options.max_element),
            first: Some(bound(binding, path, query, &self.options)?),
        })
    }
}

/// The messages of a request whose client streams, as its body comes in.
#[derive(Debug)]
pub struct RequestStream {
    binding: Binding,
    options: Arc<TranscoderOptions>,
    elements: Elements,
    /// What is added to the first message.
    first: Option<Vec<u8>>,
}

impl RequestStream {
    /// Takes a piece of the body and adds the messages that are whole now. After an error there is no more to read.
    pub fn feed(&mut self, piece: &[u8], messages: &mut Vec<Vec<u8>>) -> Result<(), RequestError> {
        let (binding, options, first) = (&self.binding, &self.options, &mut self.first);
        self.elements.feed(piece, &mut |index, element| {
            messages.push(message(binding, options, first, index, element)?);
            Ok(())
        })
    }

    /// The body has ended.
    pub fn finish(mut self, messages: &mut Vec<Vec<u8>>) -> Result<(), RequestError> {
        let (binding, options, first) = (&self.binding, &self.options, &mut self.first);
        self.elements.finish::<RequestError>(&mut |index, element| {
            messages.push(message(binding, options, first, index, element)?);
            Ok(())
        })?;
        // Without a body, there is one message all the same.
        if let (Body::None, Some(bound)) = (self.binding.body(), self.first) {
            messages.push(bound);
        }
        Ok(())
    }
}

fn message(
    binding: &Binding,
    options: &TranscoderOptions,
    first: &mut Option<Vec<u8>>,
    index: Option<usize>,
    element: &[u8],
) -> Result<Vec<u8>, RequestError> {
    let mut out = Vec::new();
    put_body(&mut out, binding, element, options).map_err(|error| match index {
        Some(index) => RequestError::from(error.under(index.to_string())),
        None => error.into(),
    })?;
    out.extend(first.take().unwrap_or_default());
    Ok(out)
}

/// Writes the fields that the body gives.
fn put_body(
    out: &mut Vec<u8>,
    binding: &Binding,
    body: &[u8],
    options: &TranscoderOptions,
) -> Result<(), JsonError> {
    let mut reader = Reader::new(body, crate::json::MAX_DEPTH)?;
    if reader.is_at_end() {
        return Ok(());
    }
    let parser = Parser::new(&options.json);
    match binding.body() {
        // An empty object gives no field either.
        Body::None => {
            let refusal = |name: &str| JsonError::new("this call takes no body").under(name);
            reader.object(|_, name| Err(refusal(&name)))?;
        }
        Body::Whole => parser.message(&binding.input(), &mut reader, out)?,
        Body::Field(slot) => parser.field(slot, &mut reader, out)?,
    }
    reader.end()
}

/// The fields that query and path give.
fn bound(
    binding: &Binding,
    path: &str,
    query: Option<&str>,
    options: &TranscoderOptions,
) -> Result<Vec<u8>, RequestError> {
    let mut out = Vec::new();
    put_query(&mut out, binding, query.unwrap_or_default(), &options.json)?;
    for (target, (name, value)) in binding.variables().iter().zip(binding.template().values(path)) {
        let told = |problem: &str| RequestError::new(Place::Path(name.to_owned()), problem);
        let value = value.ok_or_else(|| told("the value is not UTF-8"))?;
        target.put(&mut out, &value).map_err(|error| told(error.problem()))?;
    }
    Ok(out)
}
