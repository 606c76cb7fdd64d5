//! Long runs by hand, no part of CI: `cargo run -p maitred-tests --bin torture -- reloads|faults [--count N] [--seed N]`.
//! The program is `MAITRED_BIN`, or the one beside this. Every run prints its seed, and with it can be had again.

#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
#![allow(clippy::disallowed_types, reason = "threads of a test share what they saw")]
#![allow(clippy::print_stdout, reason = "a table for whoever runs it")]

mod dice;
mod faults;
mod reloads;
mod usage;

use dice::Dice;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let seed = option("--seed").unwrap_or_else(|| std::process::id().into());
    println!("seed {seed}, {}", maitred_tests::program().display());
    let passed = match arguments.first().map(String::as_str) {
        Some("reloads") => reloads::run(option("--count").unwrap_or(1000), Dice::new(seed)),
        Some("faults") => faults::run(option("--count").unwrap_or(20_000), Dice::new(seed)),
        _ => panic!("usage: torture reloads|faults [--count N] [--seed N]"),
    };
    println!("{}", if passed { "passed" } else { "FAILED" });
    std::process::exit(i32::from(!passed));
}
