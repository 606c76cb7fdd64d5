//! Problems of a configuration as lines of the gateway's own log: one event each, in full, with its place.
//! A terminal gets drawings of them from `maitred check`; a log must stay one line for each event.

use maitred_config::{Loaded, Problem, Severity, Texts};

/// Logs every problem: errors as errors, warnings as warnings.
pub(crate) fn log_problems(loaded: &Loaded) {
    for problem in loaded.problems.iter() {
        log_problem(problem, loaded.texts());
    }
}

fn log_problem(problem: &Problem, texts: &Texts) {
    let (at, help) = (places(problem, texts), problem.help.as_deref().unwrap_or_default());
    let message = &problem.message;
    match (problem.severity, help.is_empty()) {
        (Severity::Error, true) => tracing::error!(at, "{message}"),
        (Severity::Error, false) => tracing::error!(at, help, "{message}"),
        (Severity::Warning, true) => tracing::warn!(at, "{message}"),
        (Severity::Warning, false) => tracing::warn!(at, help, "{message}"),
    }
}

/// `file:line:column` of all places of a problem, each with what is to be said of it.
fn places(problem: &Problem, texts: &Texts) -> String {
    let told = problem.labels.iter().filter_map(|label| {
        let place = texts.place(label.span)?;
        Some(if label.text.is_empty() { place } else { format!("{place} ({})", label.text) })
    });
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use maitred_config::{Memory, NoEnvironment, load};

    use super::*;

    #[test]
    fn every_place_is_named_with_its_remark() {
        let files = Memory::new()
            .with("a.yaml", "maitred: 1\ninclude: b.yaml\nroutes: { x: { respond: OK } }\n")
            .with("b.yaml", "routes: { x: { respond: OK } }\n");
        let loaded = load("a.yaml", &files, &NoEnvironment);
        let told: Vec<_> = loaded.problems.iter().map(|problem| places(problem, loaded.texts())).collect();
        assert_eq!(told, ["b.yaml:1:11 (again here), a.yaml:3:11 (first here)"]);
    }
}
