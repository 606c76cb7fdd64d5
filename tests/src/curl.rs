//! curl: the client that users have.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::head::Head;
use crate::wire::Answer;

/// What curl made of a request.
#[derive(Debug)]
pub struct Curl {
    /// Its exit code: 0, or what it complains of (18: the body broke off, 52: no answer, 56: reset).
    pub exit: i32,
    /// Empty if there was none.
    pub answer: Answer,
}

impl std::ops::Deref for Curl {
    type Target = Answer;

    fn deref(&self) -> &Answer {
        &self.answer
    }
}

/// Runs curl with these arguments, and `--include` and `--silent` besides.
pub fn curl<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Curl {
    curl_with(arguments, b"")
}

/// The same with something on its standard input, for `--data-binary @-`.
pub fn curl_with<S: AsRef<std::ffi::OsStr>>(arguments: &[S], input: &[u8]) -> Curl {
    let mut child = Command::new("curl")
        .args(["--silent", "--include", "--max-time", "30"])
        .args(arguments)
        // No settings or proxy of the machine.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is installed: `cargo xtask test` sees to it");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // curl may end without reading it.
    let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let exit = output.status.code().expect("curl was not killed");
    Curl { exit, answer: split(output.stdout) }
}

/// Parts the heads from the body; curl has undone the framing already.
fn split(mut bytes: Vec<u8>) -> Answer {
    let mut answer = Answer::default();
    while bytes.starts_with(b"HTTP/") {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
        let head = Head::parse(&bytes[..end]);
        bytes.drain(..end + 4);
        let is_interim = head.status() / 100 == 1;
        if !is_interim {
            answer.head = head;
            break;
        }
        answer.interim.push(head);
    }
    answer.body = bytes;
    answer
}
