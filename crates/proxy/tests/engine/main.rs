//! The engine as a library: what compiling comes to, and gateways with policies that are made for a test.

mod asking;
mod document;
mod lag;
mod panic;
mod pieces;
mod read_on;
mod refresh;
mod sent_at;
mod split;
mod srv;
