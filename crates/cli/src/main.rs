//! the maitred program
fn main() {}
