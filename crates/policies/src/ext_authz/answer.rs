//! What the service has decided: what its answer changes, or says in place of the service behind.
//! An answer that lets a request pass and would set what is not its to set is none; a refusal is one whatever it would set.

use std::rc::Rc;

use maitred_http::{FieldName, Fields, RequestHead, ResponseHead, check_field_value, push_percent_encoded};
use maitred_policy::identity::{self, Claims};
use maitred_policy::{Facts, Fault, PolicyKind as _};
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use serde_json::{Map, Value as Json};

use super::ExtAuthz;
use super::messages::{CheckResponse, DeniedHttpResponse, HeaderValue, HeaderValueOption, OkHttpResponse};
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

/// Changes of fields. What is removed or overwritten goes in every spelling that a service may read as the name.
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
            return Ok(Self::Denied(refused(answer.denied_response.unwrap_or_default())));
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
    let request = Changes { remove, set: fields(ok.headers, Action::Overwrite)? };
    // Fields of a response such as `Set-Cookie` stand beside those of the service.
    let response = Changes { remove: Vec::new(), set: fields(ok.response_headers_to_add, Action::Append)? };
    Ok(Allowed { request, query, response, claims: None })
}

/// The answer to the client. What of it cannot be sent is left out: to refuse is decided.
fn refused(denied: DeniedHttpResponse) -> Fault {
    let status = denied.status.and_then(|status| u16::try_from(status.code).ok());
    let status = status.filter(|status| (200..600).contains(status)).unwrap_or(403);
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    // There is no other response that these would change, so all of them are added.
    for (name, value) in denied.headers.into_iter().filter_map(|option| field(option.header).ok()) {
        head.fields.append(&name, &value);
    }
    asking::refused(head, denied.body.into_bytes())
}

/// The fields that an answer sets. Appending is the first of the actions, and so what stands there where nobody has chosen one: that means `unsaid`.
fn fields(
    options: Vec<HeaderValueOption>,
    unsaid: Action,
) -> Result<Vec<(FieldName, Vec<u8>, Action)>, String> {
    let set = |option: HeaderValueOption| {
        let action = match (option.append, option.append_action) {
            (Some(true), _) => Action::Append,
            (Some(false), _) | (None, 2) => Action::Overwrite,
            (None, 0) => unsaid,
            (None, 1) => Action::AddIfAbsent,
            (None, 3) => Action::OverwriteIfPresent,
            (None, action) => return Err(format!("its answer has an `append_action` {action}")),
        };
        let (name, value) = field(option.header)?;
        Ok((name, value, action))
    };
    options.into_iter().map(set).collect()
}

/// A field that an answer may set.
fn field(header: Option<HeaderValue>) -> Result<(FieldName, Vec<u8>), String> {
    let header = header.ok_or("its answer has a header without a name")?;
    let value = if header.value.is_empty() { header.raw_value } else { header.value.into_bytes() };
    if !check_field_value(&value) {
        return Err(format!("its answer has a value of `{}` that cannot be one", header.key));
    }
    Ok((field_name(&header.key)?, value))
}

/// A name that an answer may set or remove.
fn field_name(name: &str) -> Result<FieldName, String> {
    let parsed = FieldName::parse(name).ok().filter(|_| !asking::is_of_framing(name.as_bytes()));
    parsed.ok_or_else(|| format!("its answer would change {name:?}, which is the gateway's to write"))
}

impl Changes {
    pub(super) fn apply(&self, fields: &mut Fields) {
        let remove = |fields: &mut Fields, name: &FieldName| {
            fields.remove_where(|field| identity::is_read_as(field, name.as_str().as_bytes()));
        };
        self.remove.iter().for_each(|name| remove(fields, name));
        for (name, value, action) in &self.set {
            match action {
                Action::Append => fields.append(name, value),
                Action::AddIfAbsent if fields.contains(name) => {}
                Action::OverwriteIfPresent if !fields.contains(name) => {}
                Action::AddIfAbsent | Action::Overwrite | Action::OverwriteIfPresent => {
                    remove(fields, name);
                    fields.append(name, value);
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
