//! Tests that cannot run on a machine say so and pass.

use std::io::Write;

/// Tells that a test is skipped, straight to stderr: what tests print is kept back while they pass. `cargo xtask test` counts it.
pub fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}
