//! The replicas, and what is done to them: by chance from a seed, to one at a time.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use maitred_tests::{Folder, Port};

use crate::now;

/// The replicas of the service.
pub struct Replicas {
    all: Vec<Replica>,
    folder: Folder,
}

struct Replica {
    name: &'static str,
    port: Port,
    process: Child,
}

/// What is done to a replica.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Pause,
    Slow,
    Error,
    Break,
}

impl Replicas {
    pub fn start() -> Self {
        let folder = Folder::default();
        let replica = |name| {
            let port = Port::reserve();
            let process = spawn(name, &port, &folder);
            Replica { name, port, process }
        };
        Self { all: ["a", "b", "c"].map(replica).into(), folder }
    }

    pub fn ports(&self) -> Vec<u16> {
        self.all.iter().map(|replica| replica.port.number()).collect()
    }

    /// Ends them: how often each request was read, by its method and path.
    pub fn end(mut self) -> HashMap<String, u32> {
        let mut seen = HashMap::new();
        for replica in &mut self.all {
            drop(replica.process.stdin.take());
            replica.process.wait().unwrap();
            let notes = std::fs::read_to_string(self.folder.join(replica.name)).unwrap_or_default();
            for line in notes.lines() {
                *seen.entry(line.to_owned()).or_default() += 1;
            }
        }
        seen
    }
}

fn spawn(name: &str, port: &Port, folder: &Folder) -> Child {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["replica", &port.number().to_string(), name])
        .arg(folder.join(name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    process
}

/// Does something to one of them every fifteen to twenty seconds, for five to ten, until the end; calls `look` all the while.
pub fn wreak(replicas: &mut Replicas, seed: u64, end: Instant, mut look: impl FnMut(Instant)) {
    let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut roll = |sides: u64| {
        // xorshift64*: the same seed, the same run.
        dice ^= dice >> 12;
        dice ^= dice << 25;
        dice ^= dice >> 27;
        (dice.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    };
    let begin = now();
    let mut wait = |until: Instant| {
        while now() < until {
            look(now());
            std::thread::park_timeout(Duration::from_millis(100));
        }
    };
    let mut next = begin + Duration::from_secs(5);
    loop {
        let faults = [Fault::Kill, Fault::Pause, Fault::Slow, Fault::Error, Fault::Break];
        let fault = faults[usize::try_from(roll(5)).unwrap()];
        let which = usize::try_from(roll(3)).unwrap();
        let lasts = Duration::from_millis(5000 + roll(5000));
        let gap = Duration::from_millis(15_000 + roll(5000));
        if next + lasts > end {
            return wait(end);
        }
        wait(next);
        println!(
            "{:>6.1} s  {} {fault:?} for {lasts:.1?}",
            begin.elapsed().as_secs_f64(),
            replicas.all[which].name
        );
        fault.begin(&mut replicas.all[which]);
        wait(next + lasts);
        fault.end(&mut replicas.all[which], &replicas.folder);
        next += gap;
    }
}

impl Fault {
    fn begin(self, replica: &mut Replica) {
        match self {
            Self::Kill => {
                replica.process.kill().unwrap();
                replica.process.wait().unwrap();
            }
            Self::Pause => signal(&replica.process, "STOP"),
            Self::Slow => replica.tell("slow"),
            Self::Error => replica.tell("error"),
            Self::Break => replica.tell("break"),
        }
    }

    fn end(self, replica: &mut Replica, folder: &Folder) {
        match self {
            Self::Kill => replica.process = spawn(replica.name, &replica.port, folder),
            Self::Pause => signal(&replica.process, "CONT"),
            Self::Slow | Self::Error | Self::Break => replica.tell("well"),
        }
    }
}

impl Replica {
    fn tell(&mut self, word: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{word}").unwrap();
    }
}

fn signal(process: &Child, name: &str) {
    let pid = process.id().to_string();
    // The shell's own: not every machine has the program.
    let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status().unwrap();
    assert!(sent.success());
}
