//! Drawing problems: `file:line:column`, the lines meant, and help, in the look of rustc.
//!
//! Only the lines between a problem's labels are handed to the drawing library, so that the time does not grow with the
//! size of the file; hidden places are overwritten with asterisks before.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Label, Problem, Problems, Severity};
use crate::span::{FileId, Span};
use crate::texts::{TextFile, Texts};

/// How problems are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without colours: for files and pipes.
    Plain,
    /// With ANSI colours: for terminals.
    Coloured,
}

impl Problems {
    /// Draws all problems, with an empty line between them and a line feed at the end; empty if there are none.
    pub fn render(&self, texts: &Texts, style: Style) -> String {
        let drawn: Vec<String> = self.iter().map(|problem| self.render_one(problem, texts, style)).collect();
        if drawn.is_empty() { String::new() } else { drawn.join("\n\n") + "\n" }
    }

    fn render_one(&self, problem: &Problem, texts: &Texts, style: Style) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(shown(&problem.message)));
        for (file_id, labels) in by_file(&problem.labels) {
            if let Some(file) = texts.file(file_id) {
                group = group.element(snippet(file, &labels, self.hidden()));
            }
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(shown(help)));
        }
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }
}

/// Text for the drawing library: what would upset a terminal is escaped.
fn shown(text: &str) -> String {
    annotate_snippets::normalize_untrusted_str(text)
}

/// The labels of each file, in the order in which the files first appear.
fn by_file(labels: &[Label]) -> Vec<(FileId, Vec<&Label>)> {
    let mut groups: Vec<(FileId, Vec<&Label>)> = Vec::new();
    for label in labels {
        match groups.iter_mut().find(|(file, _)| *file == label.span.file) {
            Some((_, group)) => group.push(label),
            None => groups.push((label.span.file, vec![label])),
        }
    }
    groups
}

fn snippet<'a>(file: &TextFile, labels: &[&Label], hidden: &[Span]) -> Snippet<'a, Annotation<'a>> {
    let first = labels.iter().map(|label| file.line_of(label.span.start as usize)).min().unwrap_or(0);
    let last = labels.iter().map(|label| file.line_of(label.span.start as usize)).max().unwrap_or(0);
    let window = file.line_start(first)..file.line_start(last + 1);
    let hidden = hidden.iter().filter(|span| labels.iter().any(|label| label.span.file == span.file));
    let mut snippet = Snippet::source(masked(file, &window, hidden))
        .line_start(first + 1)
        .path(file.path.display().to_string());
    for (index, label) in labels.iter().enumerate() {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let mut annotation = kind.span(in_window(file, label.span, &window));
        if !label.text.is_empty() {
            annotation = annotation.label(shown(&label.text));
        }
        snippet = snippet.annotation(annotation);
    }
    snippet
}

/// The span inside the window, cut at the end of its first line: nobody needs a whole map underlined.
fn in_window(file: &TextFile, span: Span, window: &Range<usize>) -> Range<usize> {
    let start = file.text.floor_char_boundary(span.start as usize);
    let end_of_line = file.text[start..].find('\n').map_or(file.text.len(), |length| start + length);
    let end = file.text.floor_char_boundary(span.end as usize).clamp(start, end_of_line.max(start));
    start - window.start..end.max(start) - window.start
}

/// The text of the window, hidden bytes replaced by asterisks one for one.
fn masked<'a>(file: &TextFile, window: &Range<usize>, hidden: impl Iterator<Item = &'a Span>) -> String {
    let mut bytes = file.text.as_bytes()[window.clone()].to_vec();
    for span in hidden {
        let range = span.range();
        let start = file.text.floor_char_boundary(range.start).max(window.start);
        let end = file.text.ceil_char_boundary(range.end).min(window.end);
        if start < end {
            for byte in &mut bytes[start - window.start..end - window.start] {
                if *byte != b'\n' {
                    *byte = b'*';
                }
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
