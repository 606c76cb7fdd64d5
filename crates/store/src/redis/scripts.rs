//! The scripts that run on servers. They are called by their digest; a server that does not know one is sent it whole, and knows it then.
//! What they do stands in themselves.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use redis::Cmd;

use super::names;

/// A script.
#[derive(Debug)]
pub(super) struct Script {
    code: &'static str,
    digest: String,
}

/// Takes from limits.
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/take.lua")));
/// Takes a slot.
pub(super) static HOLD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/hold.lua")));
/// Puts an entry where there is none.
pub(super) static PUT_NEW: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/put_new.lua")));

impl Script {
    fn new(code: &'static str) -> Self {
        let mut hex = String::with_capacity(40);
        // What `EVALSHA` goes by; nothing is kept secret or proved by it.
        names::push_hex(&mut hex, digest(&SHA1_FOR_LEGACY_USE_ONLY, code.as_bytes()).as_ref());
        Self { code, digest: hex }
    }

    /// Calls it with these keys; arguments follow.
    pub(super) fn call(&self, keys: &[String]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.digest).arg(keys.len()).arg(keys);
        command
    }

    /// The same call with the script itself, which the server keeps then.
    pub(super) fn whole(&self, call: &Cmd) -> Cmd {
        let mut command = redis::cmd("EVAL");
        command.arg(self.code);
        for argument in call.args_iter().skip(2) {
            if let redis::Arg::Simple(argument) = argument {
                command.arg(argument);
            }
        }
        command
    }
}
