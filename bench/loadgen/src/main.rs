//! Origin and load generators of the benchmark, one program with a subcommand for each.
//!
//! `loadgen origin|load|idle|slow --option value …`; each of these prints one line of JSON. `sign` prints tokens. It is
//! no part of the gateway and shares no code with it, so that a mistake cannot hide in both.

mod args;
mod histogram;
mod idle;
mod load;
mod origin;
mod poll;
mod request;
mod response;
mod sign;
mod slow;
mod socket;

use std::process::ExitCode;

use args::Args;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let result = Args::parse(words).and_then(|args| match command.as_str() {
        "origin" => origin::run(&args),
        "load" => load::run(&args),
        "idle" => idle::run(&args),
        "slow" => slow::run(&args),
        "sign" => sign::run(&args),
        other => Err(format!("unknown subcommand {other:?}: origin, load, idle, slow or sign").into()),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("loadgen {command}: {problem}");
            ExitCode::FAILURE
        }
    }
}
