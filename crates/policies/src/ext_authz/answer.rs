//! What the service has decided: what its answer changes, or says in place of the service behind.
//! An answer that would set what is not its to set is none.

use std::rc::Rc;

use maitred_http::{FieldName, Fields, RequestHead, ResponseHead, check_field_value, push_percent_encoded};
use maitred_policy::identity::Claims;
use maitred_policy::{Facts, Fault, PolicyKind as _};
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde_json::{Map, Value as Json};

use super::ExtAuthz;
use super::messages::{CheckResponse, DeniedHttpResponse, HeaderValueOption, OkHttpResponse};
use crate::asking;
use crate::edits::query;

/// What an answer comes to.
pub(super) enum Decision {
    Allowed(Box<Allowed>),
    Denied(Fault),
}

/// What is made of a request that may pass.
#[derive(Default)]
pub(super) struct Allowed {
    pub(super) request: Changes,
    pub(super) query: QueryChanges,
    pub(super) response: Changes,
    pub(super) claims: Option<Rc<Claims>>,
}

/// Changes of fields.
#[derive(Default)]
pub(crate) struct Changes {
    remove: Vec<FieldName>,
    set: Vec<(FieldName, Vec<u8>, Action)>,
}

/// What becomes of fields of the same name that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Append,
    AddIfAbsent,
    Overwrite,
    OverwriteIfPresent,
}

/// Changes of the query.
#[derive(Default)]
pub(super) struct QueryChanges {
    remove: Vec<String>,
    set: Vec<(String, String)>,
}

impl Decision {
    /// What is decided by an answer, unless that is none.
    pub(super) fn of(answer: CheckResponse) -> Result<Self, String> {
        let status = answer.status.ok_or("its answer has no status")?;
        if status.code != 0 {
            let denied = answer.denied_response.unwrap_or_default();
            return refused(denied).map(Self::Denied);
        }
        if answer.denied_response.is_some() {
            return Err("its answer says OK, and refuses".to_owned());
        }
        let mut ok = answer.ok_response.unwrap_or_default();
        let metadata = ok.dynamic_metadata.take().or(answer.dynamic_metadata);
        let allowed = Allowed { claims: metadata.map(claims).map(Rc::new), ..allowed(ok)? };
        Ok(Self::Allowed(Box::new(allowed)))
    }
}

fn allowed(ok: OkHttpResponse) -> Result<Allowed, String> {
    // These are passed over, as the interface has it.
    let stays = |name: &str| name.starts_with(':') || name.eq_ignore_ascii_case("host");
    let remove = ok.headers_to_remove.iter().filter(|name| !stays(name));
    let remove = remove.map(|name| field_name(name)).collect::<Result<_, _>>()?;
    let query = QueryChanges {
        remove: ok.query_parameters_to_remove,
        set: ok.query_parameters_to_set.into_iter().map(|field| (field.key, field.value)).collect(),
    };
    let request = Changes { remove, set: fields(ok.headers)? };
    let response = Changes { remove: Vec::new(), set: fields(ok.response_headers_to_add)? };
    Ok(Allowed { request, query, response, claims: None })
}

/// The answer to the client.
fn refused(denied: DeniedHttpResponse) -> Result<Fault, String> {
    let status = match denied.status.map_or(0, |status| status.code) {
        0 => 403,
        status @ 200..600 => u16::try_from(status).unwrap_or(403),
        status => return Err(format!("its answer has the status {status}")),
    };
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    let changes = Changes { remove: Vec::new(), set: fields(denied.headers)? };
    changes.apply(&mut head.fields);
    Ok(asking::refused(head, denied.body.into_bytes()))
}

fn fields(options: Vec<HeaderValueOption>) -> Result<Vec<(FieldName, Vec<u8>, Action)>, String> {
    let field = |option: HeaderValueOption| {
        let action = match (option.append, option.append_action) {
            (Some(true), _) => Action::Append,
            // What the interface calls appending is its default as well, and there it means overwriting.
            (Some(false), _) | (None, 0 | 2) => Action::Overwrite,
            (None, 1) => Action::AddIfAbsent,
            (None, 3) => Action::OverwriteIfPresent,
            (None, action) => return Err(format!("its answer has an `append_action` {action}")),
        };
        let header = option.header.ok_or("its answer has a header without a name")?;
        let value = if header.value.is_empty() { header.raw_value } else { header.value.into_bytes() };
        if !check_field_value(&value) {
            return Err(format!("its answer has a value of `{}` that cannot be one", header.key));
        }
        Ok((field_name(&header.key)?, value, action))
    };
    options.into_iter().map(field).collect()
}

/// A name that an answer may set or remove.
fn field_name(name: &str) -> Result<FieldName, String> {
    let parsed = FieldName::parse(name).ok().filter(|_| !asking::is_of_framing(name.as_bytes()));
    parsed.ok_or_else(|| format!("its answer would change {name:?}, which is the gateway's to write"))
}

impl Changes {
    pub(super) fn apply(&self, fields: &mut Fields) {
        for name in &self.remove {
            fields.remove(name);
        }
        for (name, value, action) in &self.set {
            match action {
                Action::Append => fields.append(name, value),
                Action::AddIfAbsent if fields.contains(name) => {}
                Action::OverwriteIfPresent if !fields.contains(name) => {}
                Action::AddIfAbsent | Action::Overwrite | Action::OverwriteIfPresent => {
                    fields.set(name, value);
                }
            }
        }
    }

    /// What is set, whatever becomes of fields of the same names.
    pub(super) fn as_fields(&self) -> Fields {
        let mut fields = Fields::default();
        self.set.iter().for_each(|(name, value, _)| fields.append(name, value));
        fields
    }

    pub(super) fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty()
    }
}

impl QueryChanges {
    pub(super) fn apply(&self, request: &mut RequestHead, facts: &mut Facts) {
        if self.remove.is_empty() && self.set.is_empty() {
            return;
        }
        facts.remember(request);
        let names = self.remove.iter().chain(self.set.iter().map(|(name, _)| name));
        names.for_each(|name| query::remove(&mut request.target, name));
        if self.set.is_empty() {
            return;
        }
        let mut query = request.target.query().unwrap_or_default().to_owned();
        for (name, value) in &self.set {
            if !query.is_empty() {
                query.push('&');
            }
            push_percent_encoded(&mut query, name.as_bytes());
            query.push('=');
            push_percent_encoded(&mut query, value.as_bytes());
        }
        request.target.set_query(Some(&query));
    }
}

/// What metadata say of who asks.
fn claims(metadata: Struct) -> Claims {
    let all = object(metadata);
    let list = |name: &str| -> Box<[Box<str>]> {
        let listed = all.get(name).and_then(Json::as_array).into_iter().flatten();
        listed.filter_map(Json::as_str).map(Into::into).collect()
    };
    let text = |name: &str| all.get(name).and_then(Json::as_str);
    Claims {
        issuer: ExtAuthz::NAME.into(),
        subject: text("sub").map(Into::into),
        groups: list("groups"),
        roles: list("roles"),
        scopes: text("scope").unwrap_or_default().split_ascii_whitespace().map(Into::into).collect(),
        plan: None,
        all,
    }
}

fn object(told: Struct) -> Map<String, Json> {
    told.fields.into_iter().map(|(name, value)| (name, json(value))).collect()
}

fn json(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(told)) => told.into(),
        Some(Kind::StringValue(told)) => told.into(),
        Some(Kind::NumberValue(told)) => number(told),
        Some(Kind::StructValue(told)) => object(told).into(),
        Some(Kind::ListValue(told)) => told.values.into_iter().map(json).collect(),
    }
}

/// Whole numbers as such, as far as all of them can be told apart.
fn number(told: f64) -> Json {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    if told.fract() == 0.0 && told.abs() <= LARGEST {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and not larger than that")]
        let whole = told as i64;
        return whole.into();
    }
    told.into()
}
