//! `cargo xtask test`: the one command that passes all tests: unit, documentation and whole process.
//! Sees to what they need, builds the program that whole-process tests start, runs them, and adds up their totals.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use crate::needs::{self, Purpose};

/// A test that cannot run here writes a line that begins so straight to stderr: its name, a colon, the reason.
const SKIPPED: &str = "SKIPPED ";

/// The line before what failing tests said; up to the line of totals. `.ci/run` looks for it.
const FAILED: &str = "=== failed tests";

/// Tests by outcome.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Runs everything in the workspace at `root`. The last line says how many tests there were.
pub fn run(root: &Path) -> Result<(), String> {
    needs::meet(&[Purpose::Tests])?;
    cargo(root, &["build", "--locked", "--package", "maitred-cli", "--bins"])?;
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
    command.current_dir(root).env("MAITRED_BIN", program(root)).stdin(Stdio::null());
    let (totals, failures, passed) = watch(command, &mut std::io::stdout())?;
    if !failures.is_empty() {
        // Said once more: between them and the end stand the outputs of all the tests that passed.
        println!("{FAILED}\n{}", failures.join("\n"));
    }
    println!("{} passed, {} failed, {} skipped", totals.passed, totals.failed, totals.skipped);
    if passed { Ok(()) } else { Err("tests failed".to_owned()) }
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let status = Command::new(env!("CARGO")).args(arguments).current_dir(root).stdin(Stdio::null()).status();
    let status = status.map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo {} failed", arguments.join(" "))) }
}

/// The program that `cargo build` has just made.
fn program(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("debug/maitred")
}

/// Runs a command, passes on what it prints, counts the tests in it, and keeps what failing ones said.
fn watch(mut command: Command, out: &mut impl Write) -> Result<(Totals, Vec<String>, bool), String> {
    let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| format!("cargo: {error}"))?;
    let (sender, lines) = mpsc::channel();
    let mut readers = Vec::new();
    let pipes = [child.stdout.take().map(boxed), child.stderr.take().map(boxed)];
    for pipe in pipes.into_iter().flatten() {
        let sender = sender.clone();
        readers.push(std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                // Nobody listening means that this program is ending.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        }));
    }
    drop(sender);
    let mut totals = Totals::default();
    let (mut failures, mut failing) = (Vec::new(), false);
    for line in lines {
        totals.add(&line);
        // The runner repeats the output of the failing tests of a binary between these two lines.
        failing = (failing || line == "failures:") && !line.starts_with("test result: ");
        if failing {
            failures.push(line.clone());
        }
        writeln!(out, "{line}").map_err(|error| format!("stdout: {error}"))?;
    }
    let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
    Ok((totals, failures, status.success()))
}

fn boxed(pipe: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(pipe)
}

impl Totals {
    /// Counts a line of the test runner's, if it is one that counts.
    fn add(&mut self, line: &str) {
        if line.starts_with(SKIPPED) {
            // The runner counts it as passed, since it returned.
            self.skipped += 1;
            self.passed = self.passed.wrapping_sub(1);
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            let count = |word: &str| {
                let before = counts.split(word).next().unwrap_or_default().trim();
                before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
            };
            self.passed = self.passed.wrapping_add(count(" passed"));
            self.failed += count(" failed");
            self.skipped += count(" ignored");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_add_up() {
        let mut totals = Totals::default();
        for line in [
            "running 5 tests",
            "SKIPPED h1_corpora: MAITRED_SUITES is not set",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 3.10s",
        ] {
            totals.add(line);
        }
        assert_eq!(totals, Totals { passed: 16, failed: 2, skipped: 2 });
    }

    #[test]
    fn both_outputs_are_watched() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo 'test result: ok. 3 passed; 0 failed; 0 ignored'; echo 'SKIPPED a: b' >&2; exit 1",
        ]);
        let mut out = Vec::new();
        let watched = watch(command, &mut out).unwrap();
        assert_eq!(watched, (Totals { passed: 2, failed: 0, skipped: 1 }, Vec::new(), false));
        assert!(String::from_utf8(out).unwrap().contains("SKIPPED a: b\n"));
    }

    #[test]
    fn what_failing_tests_said_is_kept() {
        let mut command = Command::new("printf");
        command.args([
            "%s\\n",
            "test a ... ok",
            "failures:",
            "---- b stdout ----",
            "assertion failed",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored",
            "test c ... ok",
        ]);
        let (totals, failures, _) = watch(command, &mut Vec::new()).unwrap();
        assert_eq!(totals, Totals { passed: 1, failed: 1, skipped: 0 });
        assert_eq!(failures, ["failures:", "---- b stdout ----", "assertion failed"]);
    }
}
