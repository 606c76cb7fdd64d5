//! `cargo xtask`: what the workspace asks of itself, told by `cargo xtask help`.
//! Not part of the product: nothing in `crates/` depends on it, and it may print and stop.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to a person")]
#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "names of tracked files are exact")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod generated;
mod needs;
mod peers;
mod test_run;
mod tidy;
mod tree;

const HELP: &str = "\
cargo xtask tidy                checks floors, cycles, sizes, names, links and the rest of the house rules
cargo xtask test                passes all tests: unit, documentation, whole process; installs what they need
cargo xtask needs [tests|bench] installs the programs that tests or benchmarks need, or names them
cargo xtask generate [--check]  writes (or only compares) the files that are generated from the program";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = root();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy::run(&root),
        ["test"] => test_run::run(&root),
        ["needs"] => needs::meet(&[needs::Purpose::Tests, needs::Purpose::Bench]),
        ["needs", "tests"] => needs::meet(&[needs::Purpose::Tests]),
        ["needs", "bench"] => needs::meet(&[needs::Purpose::Bench]),
        ["generate"] => generated::write(&root),
        ["generate", "--check"] => generated::compare(&root),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's folder: the parent of this package's.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package lies one folder below the root").to_path_buf()
}
