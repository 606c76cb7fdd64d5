//! What is not in the code: `unsafe` outside crate net or without its proof, tests that are ignored or that sleep,
//! and work left undone.

use super::problem::{Place, Report};
use super::sources::{Source, Sources};

const HOME_OF_UNSAFE: &str = "crates/net";

pub fn check(sources: &Sources, report: &mut Report) {
    for source in &sources.files {
        check_unsafe(source, report);
        for line in &source.facts.ignored {
            let what = "an ignored test proves nothing".to_owned();
            report.error("ignored", &place(source, *line, "ignore"), what, "mend it or remove it");
        }
        for (line, name) in &source.facts.macros {
            if ["todo", "unimplemented"].contains(&name.as_str()) {
                let what = format!("`{name}!` leaves something undone");
                report.error("undone", &place(source, *line, name), what, "finish it or leave it out");
            }
        }
        for line in sleeps(source) {
            let what = "a test that sleeps is slow and fails on a busy machine".to_owned();
            report.error(
                "sleeps",
                &place(source, line, "sleep"),
                what,
                "wait for the event itself, or pass time in",
            );
        }
    }
}

fn place<'a>(source: &'a Source, line: usize, name: &'a str) -> Place<'a> {
    Place { path: &source.path, line, name }
}

fn check_unsafe(source: &Source, report: &mut Report) {
    let lines: Vec<&str> = source.text.lines().collect();
    for line in &source.facts.unsafes {
        if source.package != HOME_OF_UNSAFE {
            let what = "`unsafe` outside crate net".to_owned();
            report.error(
                "unsafe",
                &place(source, *line, "unsafe"),
                what,
                "do it safely, or give it a safe face in net",
            );
        } else if !has_proof(&lines, *line) {
            let what = "`unsafe` without a `// SAFETY:` comment".to_owned();
            report.error("unsafe", &place(source, *line, "unsafe"), what, "write the proof right above it");
        }
    }
}

/// A comment with `SAFETY:` (on a function's documentation `# Safety`) on the line or among the comments, attributes
/// and the beginning of the same statement above it.
fn has_proof(lines: &[&str], line: usize) -> bool {
    let is_proof = |text: &str| text.contains("// SAFETY:") || text.contains("/// # Safety");
    let own = lines.get(line - 1).copied().unwrap_or_default();
    let mut above = lines[..line - 1].iter().rev().map(|text| text.trim());
    is_proof(own)
        || above
            .by_ref()
            .take_while(|text| {
                !text.is_empty() && (text.starts_with("//") || !text.ends_with([';', '{', '}']))
            })
            .any(is_proof)
}

/// Lines of test code that name a sleep.
fn sleeps(source: &Source) -> Vec<usize> {
    let paths = source.facts.paths.iter().map(|used| (&used.segments, used.line));
    let imports = source.facts.imports.iter().map(|import| (&import.path, import.line));
    let is_sleep = |path: &[String]| {
        let last: Vec<&str> = path.iter().rev().take(2).map(String::as_str).collect();
        matches!(last.as_slice(), ["sleep" | "sleep_until", "thread" | "time"])
    };
    paths
        .chain(imports)
        .filter(|(path, line)| is_sleep(path) && source.in_test(*line))
        .map(|(_, line)| line)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    fn found(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[("crates/net/Cargo.toml", ""), ("crates/http/Cargo.toml", ""), (path, text)]);
        let mut report = Report::default();
        let sources = Sources::read(&tree, &mut report);
        check(&sources, &mut report);
        report.problems.iter().map(|problem| format!("{}:{}", problem.check, problem.line)).collect()
    }

    #[test]
    fn unsafe_lives_in_net_with_its_proof() {
        let bare = "fn f() {\n  g();\n  unsafe { h() }\n}\n";
        assert_eq!(found("crates/http/src/a.rs", bare), ["unsafe:3"]);
        assert_eq!(found("crates/net/src/a.rs", bare), ["unsafe:3"]);
        let proved = "fn f() {\n  // SAFETY: the pointer\n  // is ours\n  #[cfg(unix)]\n  let x =\n    unsafe { h() };\n}\n";
        assert_eq!(found("crates/net/src/a.rs", proved), [""; 0]);
        assert_eq!(found("crates/http/src/a.rs", proved), ["unsafe:6"]);
        let far = "// SAFETY: of another\nfn f() {\n  unsafe { h() }\n}\n";
        assert_eq!(found("crates/net/src/a.rs", far), ["unsafe:3"]);
    }

    #[test]
    fn ignored_undone_and_sleeping_code_is_told() {
        let text = "fn f() { todo!() }\n#[test]\n#[ignore]\nfn t() { std::thread::sleep(d); }\n";
        assert_eq!(found("src/a.rs", text), ["ignored:3", "undone:1", "sleeps:4"]);
    }

    #[test]
    fn production_code_may_wait() {
        assert_eq!(found("src/a.rs", "use tokio::time::sleep;\nfn f() { tokio::time::sleep(d) }"), [""; 0]);
        assert_eq!(found("tests/a.rs", "use tokio::time::{sleep, timeout};"), ["sleeps:1"]);
    }
}
