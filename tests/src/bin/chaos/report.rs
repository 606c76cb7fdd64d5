//! The table, and what maitred must have kept to.

use std::collections::HashMap;
use std::time::Duration;

use crate::budget::Windows;
use crate::load::Sum;
use crate::now;
use crate::programs::{DEADLINE, Program};

/// How much later than the deadline an answer may reach a client of this machine.
const MARGIN: Duration = Duration::from_millis(500);
/// Of idempotent requests whose answer had not begun, the share that must succeed.
const SUCCESS: f64 = 0.9999;
/// A run whose fullest window of the budget is emptier than this says nothing of the budget.
const TESTING: f64 = 0.5;
/// How lately each replica must have answered in the end.
const LATELY: Duration = Duration::from_secs(10);

/// Prints what came of each program, and whether maitred kept what it promises.
pub fn tell(programs: &[Program], sums: &[Sum], seen: &HashMap<String, u32>, windows: &Windows) -> bool {
    println!(
        "\n{:<8} {:>8} {:>9} {:>7} {:>7} {:>6} {:>8} {:>6} {:>7} {:>13}",
        "", "asked", "success", "failed", "broken", "wrong", "longest", "POSTs", "failed", "sent twice"
    );
    for (program, sum) in programs.iter().zip(sums) {
        println!(
            "{:<8} {:>8} {:>8.3}% {:>7} {:>7} {:>6} {:>7.2}s {:>6} {:>7} {:>13}",
            program.name,
            sum.asked,
            100.0 * success(sum),
            sum.failed,
            sum.broken,
            sum.wrong,
            sum.longest.as_secs_f64(),
            sum.posts.iter().sum::<u64>(),
            sum.posts[2],
            repeated(seen, program.name),
        );
    }
    let (own, name) = (&sums[0], programs[0].name);
    println!(
        "\nretries of maitred: {}, fullest window of the budget {:.0} %",
        windows.retries(),
        100.0 * windows.fullest()
    );
    let budget = if windows.fullest() < TESTING {
        "retries stay within their budget, which they came nowhere near"
    } else {
        "retries stay within their budget"
    };
    let kept = [
        ("idempotent requests succeed at 99.99 %", success(own) >= SUCCESS),
        ("no answer is another's, doubled, or looks whole and is not", own.wrong == 0),
        ("no request waits over its deadline", own.longest <= DEADLINE + MARGIN),
        ("no POST is sent twice", repeated(seen, name) == 0),
        (budget, windows.fullest() <= 1.0),
        ("every replica serves again", all_serve(own)),
        ("something was retried at all", windows.retries() > 0.0),
    ];
    for (what, is_kept) in kept {
        println!("{} {what}", if is_kept { "ok    " } else { "BROKEN" });
    }
    kept.iter().all(|(_, is_kept)| *is_kept)
}

/// Of idempotent requests whose answer had not begun: the share that was answered.
fn success(sum: &Sum) -> f64 {
    sum.whole as f64 / (sum.whole + sum.failed).max(1) as f64
}

/// How many POSTs of this program reached the replicas more than once.
fn repeated(seen: &HashMap<String, u32>, name: &str) -> usize {
    let begin = format!("POST /small/{name}-");
    seen.iter().filter(|(line, count)| **count > 1 && line.starts_with(&begin)).count()
}

fn all_serve(sum: &Sum) -> bool {
    [b'a', b'b', b'c'].iter().all(|name| sum.last.get(name).is_some_and(|last| now() - *last < LATELY))
}
