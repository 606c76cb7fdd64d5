//! Whether the time that a refusal takes tells something of the secret: guesses that are wrong from the first byte on beside guesses that
//! are right but for the last one, in an order that chance makes, compared by Welch's t-test (the method of “dude, is my code constant
//! time?”, Reparaz, Balasch, Verbauwhede, 2017). A compare that does tell is measured in the same way: if the test is blind to that, it
//! proves nothing.
//!
//! `cargo run --release --manifest-path bench/timing/Cargo.toml`, on a quiet machine; some minutes. It is no part of CI.

mod cases;
mod welch;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use cases::Case;
use welch::Welch;

/// Measurements of each case and try.
const SAMPLES: usize = 200_000;
/// Tries of a case, of which the one in the middle counts.
const TRIES: usize = 5;
/// Above it the two kinds of guesses differ for certain; the authors of the method say so of 10.
const CERTAIN: f64 = 10.0;

fn main() -> ExitCode {
    let mut is_good = true;
    println!("{:<28} {:>10} {:>10} {:>8}  ", "guess", "near ns", "far ns", "t");
    for case in cases::all() {
        let mut tries: Vec<Welch> = (0..TRIES).map(|_| measure(&case)).collect();
        tries.sort_by(|one, other| one.t().abs().total_cmp(&other.t().abs()));
        let middle = &tries[TRIES / 2];
        let tells = middle.t().abs() > CERTAIN;
        let verdict = match (tells, case.is_control) {
            (true, true) => "tells, as it must: the test sees it",
            (false, true) => "NOT SEEN: the test is blind here",
            (true, false) => "TELLS THE SECRET",
            (false, false) => "tells nothing",
        };
        is_good &= tells == case.is_control;
        let (near, far) = middle.means();
        println!("{:<28} {near:>10.1} {far:>10.1} {:>8.2}  {verdict}", case.name, middle.t());
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Guesses of both kinds as chance has it, without the slowest tenth: interrupts are not what is looked for.
fn measure(case: &Case) -> Welch {
    let mut taken = Vec::with_capacity(SAMPLES);
    // Both stand in the same place: where something lies in memory takes time of its own.
    let mut guess = case.near.clone();
    for _ in 0..SAMPLES {
        let is_near = fastrand::bool();
        guess.copy_from_slice(if is_near { &case.near } else { &case.far });
        let began = Instant::now();
        let passed = (case.check)(black_box(&guess));
        let nanos = began.elapsed().as_nanos();
        assert!(!passed, "{}: a wrong guess passed", case.name);
        #[expect(clippy::cast_precision_loss, reason = "a measurement takes nowhere near 2^53 ns")]
        taken.push((is_near, nanos as f64));
    }
    let mut sorted: Vec<f64> = taken.iter().map(|(_, nanos)| *nanos).collect();
    sorted.sort_by(f64::total_cmp);
    let longest = sorted[SAMPLES * 9 / 10];
    let mut welch = Welch::default();
    // What comes first warms the caches.
    for (is_near, nanos) in taken.into_iter().skip(SAMPLES / 100).filter(|(_, nanos)| *nanos <= longest) {
        welch.push(is_near, nanos);
    }
    welch
}
