//! What a route does by itself: answer, or send the client elsewhere.
//! Only the words and their checks: the engine makes the answers.

use super::JsonTemplate;
use crate::config_map;
use crate::config_words;
use crate::problem::Problem;
use crate::read::{Fields, Named, Reader, StatusCode};
use crate::scalar::{Template, header_name};

config_map! {
    /// An answer that needs no service.
    #[check = Respond::check]
    pub struct Respond {
        /// The body as text.
        #[main]
        text: Option<Template>,
        /// The body as JSON.
        json: Option<JsonTemplate>,
        /// The status.
        status: StatusCode = 200,
        /// Header fields. `Content-Type` follows from the body unless it is here.
        headers: Named<Template>,
    }
}

config_map! {
    /// Sends the client to another address.
    #[check = Redirect::check]
    pub struct Redirect {
        /// The address: a path, or a whole URL. The query is kept unless it names one.
        #[main]
        to: Template,
        /// The status.
        status: RedirectStatus = 302,
    }
}

config_words! {
    /// The status of a redirect.
    pub enum RedirectStatus {
        /// For ever; browsers turn POST into GET.
        MovedPermanently = "301",
        /// For now; browsers turn POST into GET.
        Found = "302",
        /// For now; every method becomes GET.
        SeeOther = "303",
        /// For now, with the same method.
        TemporaryRedirect = "307",
        /// For ever, with the same method.
        PermanentRedirect = "308",
    }
}

impl RedirectStatus {
    /// The status code.
    pub fn code(self) -> u16 {
        match self {
            Self::MovedPermanently => 301,
            Self::Found => 302,
            Self::SeeOther => 303,
            Self::TemporaryRedirect => 307,
            Self::PermanentRedirect => 308,
        }
    }
}

impl Respond {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        check_answer((&self.text, &self.json, self.status, &self.headers), fields, reader);
    }
}

/// What a fixed answer consists of.
type Answer<'a> = (&'a Option<Template>, &'a Option<JsonTemplate>, StatusCode, &'a Named<Template>);

/// Refuses fixed answers that cannot be sent.
pub(super) fn check_answer(
    (text, json, status, headers): Answer<'_>,
    fields: &Fields<'_>,
    reader: &mut Reader<'_>,
) {
    if text.is_some() && json.is_some() {
        reader.problem(
            Problem::error("an answer has one body: `text` or `json`")
                .label(fields.key_span("json"), "here")
                .label(fields.key_span("text"), "and here"),
        );
    }
    check_header_names(headers, reader);
    if matches!(status.0, 204 | 304) && (text.is_some() || json.is_some()) {
        let message = format!("an answer with status {} has no body", status.0);
        reader.problem(Problem::error(message).at(fields.value_span("status")));
    }
    if status.0 < 200 {
        let problem = Problem::error("this status is not a final answer").at(fields.value_span("status"));
        reader.problem(problem.help("write a status from 200 to 599"));
    }
}

/// Refuses names that no header field can have, and the same one in two spellings.
pub(super) fn check_header_names<T>(headers: &Named<T>, reader: &mut Reader<'_>) {
    for (index, entry) in headers.iter().enumerate() {
        if let Err(problem) = header_name::parse(&entry.name) {
            reader.problem(Problem::error(problem.message).at(entry.span).help_if(problem.help));
        }
        let before = headers.iter().take(index).find(|other| other.name.eq_ignore_ascii_case(&entry.name));
        if let Some(first) = before {
            reader.problem(
                Problem::error("this header stands here twice: upper and lower case are the same")
                    .label(entry.span, "again here")
                    .label(first.span, "first here"),
            );
        }
    }
}

impl Redirect {
    fn check(&self, fields: &Fields<'_>, reader: &mut Reader<'_>) {
        let Some(crate::scalar::Part::Text(start)) = self.to.parts.first() else { return };
        if !start.starts_with(['/', '?']) && !start.contains("://") {
            let problem = Problem::error("this is neither a path nor a URL").at(fields.value_span("to"));
            reader.problem(problem.help("write `/path` or `https://host/path`"));
        }
    }
}
