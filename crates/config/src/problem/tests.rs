//! Problems as they are drawn.

use super::{Problem, Problems, Style};
use crate::span::Span;
use crate::texts::Texts;

fn drawn(texts: &Texts, problem: Problem, style: Style) -> String {
    let mut problems = Problems::new();
    problems.push(problem);
    problems.render(texts, style)
}

#[test]
fn a_problem_shows_its_places_in_every_file() {
    let mut texts = Texts::default();
    let a = texts.add("a.yaml", "one: 1\ntwo: é 2\nthree: 3\n");
    let b = texts.add("b.yaml", "two: 2\n");
    let problem = Problem::error("said in two files")
        .label(Span::new(a, 12..16), "again here")
        .label(Span::new(b, 0..3), "first here")
        .label(Span::NONE, "nowhere")
        .help("say it once");
    insta::assert_snapshot!("two_files", drawn(&texts, problem.clone(), Style::Plain));
    insta::assert_snapshot!("coloured", drawn(&texts, problem, Style::Coloured).replace('\u{1b}', "ESC"));
    insta::assert_snapshot!("no_place", drawn(&texts, Problem::warning("nothing to do"), Style::Plain));
}

#[test]
fn a_long_value_is_marked_on_its_first_line_only() {
    let mut texts = Texts::default();
    let a = texts.add("a.yaml", "zero: 0\nroutes:\n  a: 1\n  b: 2\n");
    insta::assert_snapshot!(drawn(
        &texts,
        Problem::error("a long map").at(Span::new(a, 8..30)),
        Style::Plain
    ));
}

#[test]
fn secrets_are_never_drawn() {
    let mut texts = Texts::default();
    let text = "admin: { token: hünter2, tokn: x }\n";
    let a = texts.add("a.yaml", text);
    let secret = text.find("hünter2").expect("it is there");
    let mut problems = Problems::new();
    problems.hide(Span::new(a, secret..secret + "hünter2".len()));
    problems.push(Problem::error("unknown key `tokn`").at(Span::new(a, 26..30)));
    let drawn = problems.render(&texts, Style::Plain);
    assert!(!drawn.contains("nter2"), "{drawn}");
    assert!(drawn.contains("token: ********, tokn: x"), "{drawn}");
}

#[test]
fn spans_beyond_the_text_do_no_harm() {
    let mut texts = Texts::default();
    let a = texts.add("a.yaml", "é");
    for range in [0..0, 1..1, 1..2, 2..3, 9..12] {
        let drawn = drawn(&texts, Problem::error("odd").at(Span::new(a, range)), Style::Plain);
        assert!(drawn.contains("a.yaml:1"), "{drawn}");
    }
}
