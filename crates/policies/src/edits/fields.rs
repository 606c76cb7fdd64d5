//! Edits of header fields, compiled.
//! Fields that belong to the connection cannot be edited, nor `Host`: the engine writes them.

use maitred_config::scalar::header_name;
use maitred_config::{HeaderName, Named, Problem, Span, Spanned, scalar};
use maitred_http::{FieldName, Fields, check_field_value};
use maitred_policy::Build;
use maitred_policy::values::{Available, Template, View};

use super::config::FieldEditsConfig;
use super::texts::{self, Places};

/// Which message is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Request,
    Response,
}

/// Fields of the connection or of the framing of the message (RFC 9110 section 7.6.1, RFC 9112 section 6).
const OF_THE_CONNECTION: [&str; 10] = [
    "Connection",
    "Content-Length",
    "Expect",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "HTTP2-Settings",
];

/// Edits of the fields of a message.
#[derive(Debug)]
pub(crate) struct FieldEdits {
    remove: Box<[FieldName]>,
    keep: Option<Box<[FieldName]>>,
    rename: Box<[(FieldName, FieldName)]>,
    /// First those to set, then those to add, then those that are there by default.
    texts: Box<[(FieldName, FieldText)]>,
    add_from: usize,
    default_from: usize,
}

/// What a field is set to.
#[derive(Debug)]
enum FieldText {
    /// The same for every message.
    Fixed(Box<[u8]>),
    Rendered(Template),
}

impl FieldText {
    fn new(template: Template) -> Self {
        match template.literal() {
            Some(text) if check_field_value(text.as_bytes()) => Self::Fixed(text.as_bytes().into()),
            _ => Self::Rendered(template),
        }
    }

    fn template(&self) -> Option<&Template> {
        match self {
            Self::Fixed(_) => None,
            Self::Rendered(template) => Some(template),
        }
    }
}

impl FieldEdits {
    /// Compiles edits. All problems go to `build`; then the answer is none.
    pub(crate) fn compile(
        config: &FieldEditsConfig,
        message: Message,
        build: &mut Build<'_>,
    ) -> Option<Self> {
        let mut names = Names { message, build, sound: true };
        let remove = names.list(&config.remove);
        let keep = names.list(&config.keep);
        let rename = config.rename.iter().filter_map(|entry| {
            let from = names.checked(&entry.name, entry.span);
            let to = names.checked(&entry.value.value.0, entry.value.span);
            from.zip(to)
        });
        let rename = rename.collect();
        let mut texts = names.texts(&config.set);
        let add_from = texts.len();
        texts.extend(names.texts(&config.add));
        let default_from = texts.len();
        texts.extend(names.texts(&config.default));
        let keep = (!keep.is_empty()).then(|| keep.into());
        let texts = texts.into();
        names.sound.then_some(Self { remove: remove.into(), keep, rename, texts, add_from, default_from })
    }

    /// Whether nothing is edited.
    pub(crate) fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.keep.is_none() && self.rename.is_empty() && self.texts.is_empty()
    }

    /// Renders the texts that are not fixed, before anything is edited.
    pub(crate) fn render(&self, view: &View<'_>, buffer: &mut Vec<u8>) -> Places {
        let texts = self.texts.iter().filter_map(|(_, text)| text.template());
        texts::render(texts, Template::render, view, buffer)
    }

    /// Edits, with the texts that were rendered.
    pub(crate) fn apply(&self, fields: &mut Fields, places: &Places, buffer: &[u8]) {
        for name in &self.remove {
            fields.remove(name);
        }
        if let Some(keep) = &self.keep {
            fields.remove_where(|name| {
                !keep.iter().any(|kept| kept.matches(name)) && !is_untouchable(name, Message::Request)
            });
        }
        for (from, to) in &self.rename {
            rename(fields, from, to);
        }
        let mut places = places.iter();
        for (index, (name, text)) in self.texts.iter().enumerate() {
            let value = match text {
                FieldText::Fixed(text) => Some(&**text),
                FieldText::Rendered(_) => places.next().cloned().flatten().map(|place| &buffer[place]),
            };
            match value {
                Some(value) if index < self.add_from => fields.set(name, value),
                None if index < self.add_from => {
                    fields.remove(name);
                }
                Some(value) if index < self.default_from || !fields.contains(name) => {
                    fields.append(name, value);
                }
                _ => {}
            }
        }
    }
}

fn rename(fields: &mut Fields, from: &FieldName, to: &FieldName) {
    let values: Vec<Vec<u8>> = fields.all(from).map(<[u8]>::to_vec).collect();
    if values.is_empty() {
        return;
    }
    fields.remove(from);
    fields.remove(to);
    for value in values {
        fields.append(to, &value);
    }
}

fn is_untouchable(name: &[u8], message: Message) -> bool {
    OF_THE_CONNECTION.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(name))
        || (message == Message::Request && name.eq_ignore_ascii_case(b"host"))
}

/// Checks names.
struct Names<'b, 'p> {
    message: Message,
    build: &'b mut Build<'p>,
    sound: bool,
}

impl Names<'_, '_> {
    fn list(&mut self, names: &[Spanned<HeaderName>]) -> Vec<FieldName> {
        names.iter().filter_map(|name| self.checked(&name.value.0, name.span)).collect()
    }

    fn texts(&mut self, written: &Named<Spanned<scalar::Template>>) -> Vec<(FieldName, FieldText)> {
        let available = match self.message {
            Message::Request => Available::Request,
            Message::Response => Available::Response,
        };
        let mut texts: Vec<(FieldName, FieldText)> = Vec::new();
        for entry in written {
            let name = self.checked(&entry.name, entry.span);
            let text = texts::compile(entry, available, self.build);
            self.sound &= text.is_some();
            let Some((name, text)) = name.zip(text) else { continue };
            if texts.iter().any(|(other, _)| *other == name) {
                self.refuse(
                    "this header stands here twice: upper and lower case are the same",
                    entry.span,
                    None,
                );
            }
            texts.push((name, FieldText::new(text)));
        }
        texts
    }

    fn checked(&mut self, name: &str, at: Span) -> Option<FieldName> {
        if let Err(problem) = header_name::parse(name) {
            return self.refuse(&problem.message, at, problem.help.as_deref());
        }
        if name.eq_ignore_ascii_case("host") && self.message == Message::Request {
            let help = "the upstream says which is sent: `host: client`, `endpoint` or a name";
            return self.refuse("`Host` cannot be edited here", at, Some(help));
        }
        if is_untouchable(name.as_bytes(), self.message) {
            let message = format!("`{name}` belongs to the connection, not to the message");
            return self.refuse(&message, at, Some("the gateway writes it for each side anew"));
        }
        FieldName::parse(name).ok()
    }

    fn refuse(&mut self, message: &str, at: Span, help: Option<&str>) -> Option<FieldName> {
        self.sound = false;
        self.build.report(Problem::error(message).at(at).help_if(help));
        None
    }
}
