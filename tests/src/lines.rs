//! Lines that another process writes, as they come.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};

use crate::patience::PATIENCE;

/// What was written so far, and a way to wait for more.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    seen: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Lines {
    /// Reads `from` to its end, on a thread of its own.
    pub fn follow(from: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let seen = Arc::clone(&lines.seen);
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                seen.0.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
                seen.1.notify_all();
            }
        });
        lines
    }

    pub fn all(&self) -> Vec<String> {
        self.seen.0.lock().unwrap().clone()
    }

    /// Waits for a line that `is_it` likes, among those that are there and those that come.
    pub fn wait_for(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        self.wait_for_many(what, 1, is_it).remove(0)
    }

    /// Waits for `count` of them.
    pub fn wait_for_many(&self, what: &str, count: usize, is_it: impl Fn(&str) -> bool) -> Vec<String> {
        let enough = |lines: &[String]| lines.iter().filter(|line| is_it(line)).count() >= count;
        let guard = self.seen.0.lock().unwrap();
        let (guard, waited) =
            self.seen.1.wait_timeout_while(guard, PATIENCE, |lines| !enough(lines)).unwrap();
        if waited.timed_out() {
            let all = guard.join("\n");
            // Whoever drops the program afterwards reads its lines, too.
            drop(guard);
            panic!("no line that tells: {what}\nthere are:\n{all}");
        }
        guard.iter().filter(|line| is_it(line)).cloned().collect()
    }

    /// Waits a little for the next line, whatever it is.
    pub(crate) fn glance(&self) {
        let guard = self.seen.0.lock().unwrap();
        let _ = self.seen.1.wait_timeout(guard, std::time::Duration::from_millis(10)).unwrap();
    }
}
