//! Three replicas of a service under constant load, one of which at a time is killed, paused, slowed, made to answer 500 or to break
//! off in the middle of bodies: `cargo run --release -p maitred-tests --bin chaos -- [--minutes 10] [--rate 200] [--seed N]`.
//! nginx and `HAProxy` stand before the same replicas at the same time, where they are installed.

#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
#![allow(clippy::disallowed_types, reason = "threads of a test share what they saw")]
#![allow(clippy::print_stdout, reason = "a table for whoever runs it")]

mod budget;
mod client;
mod faults;
mod load;
mod programs;
mod replica;
mod report;

use std::time::{Duration, Instant};

use faults::Replicas;
use load::Load;
use programs::Program;

/// How long the load goes on behind the last fault, so that all can heal.
const HEALING: Duration = Duration::from_secs(30);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "replica") {
        return replica::serve(arguments[1].parse().unwrap(), &arguments[2], arguments[3].as_ref());
    }
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let seed = option("--seed").unwrap_or_else(|| std::process::id().into());
    let time = Duration::from_secs(60 * option("--minutes").unwrap_or(10));
    let rate = option("--rate").unwrap_or(200);
    println!("seed {seed}, {time:?}, {rate} requests/s each, {}", maitred_tests::program().display());

    let passed = run(seed, time, rate);
    println!("{}", if passed { "passed" } else { "FAILED" });
    std::process::exit(i32::from(!passed));
}

fn run(seed: u64, time: Duration, rate: u64) -> bool {
    let mut replicas = Replicas::start();
    let programs = Program::all(&replicas.ports());
    let loads: Vec<Load> = programs.iter().map(|program| Load::start(program, rate)).collect();
    let mut windows = budget::Windows::default();
    faults::wreak(&mut replicas, seed, now() + time, |at| windows.look(at, &programs[0], &loads[0]));
    let healed = now() + HEALING;
    while now() < healed {
        windows.look(now(), &programs[0], &loads[0]);
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let sums: Vec<_> = loads.into_iter().map(Load::end).collect();
    let seen = replicas.end();
    report::tell(&programs, &sums, &seen, &windows)
}

#[expect(clippy::disallowed_methods, reason = "the load keeps its pace by the clock")]
fn now() -> Instant {
    Instant::now()
}
