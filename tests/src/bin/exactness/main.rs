//! Whether limits are kept to: 50 clients who share one limit, before gateways that share one Redis, which is killed, paused and failed over:
//! `cargo run --release -p maitred-tests --bin exactness [-- --page tests/EXACTNESS.md]`. It takes about two minutes.
//!
//! What passed is held against what each algorithm permits of any span of time, and against what a naive reference lets through of the
//! same requests.

#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
#![allow(clippy::disallowed_types, reason = "threads of a test share what they saw")]
#![allow(clippy::print_stdout, reason = "a table for whoever runs it")]

mod clients;
mod limits;
mod reference;
mod report;
mod run;

use std::time::{Instant, SystemTime};

use run::Fault;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let only = option("--only");
    let mut page = report::Page::default();
    for fault in Fault::ALL {
        if only.is_none_or(|name| name == fault.name()) {
            println!("{}: {}", fault.name(), fault.title());
            page.add(fault, &run::run(fault));
        }
    }
    println!("\n{}", page.text());
    if let Some(file) = option("--page") {
        std::fs::write(file, page.text()).unwrap();
    }
    println!("{}", if page.is_kept() { "passed" } else { "FAILED" });
    std::process::exit(i32::from(!page.is_kept()));
}

/// A clock that goes on steadily from what the one on the wall showed when it was made, in microseconds since 1970: that of a Redis on
/// the same machine, and of windows that are aligned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Instant,
    wall: u64,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "clients keep their pace by the clock")]
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Self { began: Instant::now(), wall: u64::try_from(wall.as_micros()).unwrap() }
    }

    pub(crate) fn now(self) -> u64 {
        self.wall + u64::try_from(self.began.elapsed().as_micros()).unwrap()
    }
}
