//! A log whose reader stalls, fails, tears lines or moves the file away.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::access::{AccessFormat, AccessLog, AccessRecord};

/// A destination that does in each write what the test says, and tells what it took.
struct Scripted {
    steps: Receiver<Step>,
    taken: Sender<Vec<u8>>,
}

enum Step {
    Take(usize),
    Fail(io::ErrorKind),
}

impl Write for Scripted {
    /// Waits for a step; when there are none any more it takes everything.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = match self.steps.recv() {
            Ok(Step::Take(most)) => most,
            Ok(Step::Fail(kind)) => return Err(kind.into()),
            Err(_) => usize::MAX,
        };
        let taken = bytes.len().min(most);
        let _ = self.taken.send(bytes[..taken].to_vec());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Script {
    writer: LogWriter,
    steps: Sender<Step>,
    taken: Receiver<Vec<u8>>,
    dropped: Arc<SharedCounter>,
}

const LONG: Duration = Duration::from_mins(1);

fn script(batches: usize) -> Script {
    let (steps, to_do) = channel();
    let (tell, taken) = channel();
    let dropped = Arc::new(SharedCounter::new());
    let to = Box::new(Scripted { steps: to_do, taken: tell });
    let writer = LogWriter::start_with(to, batches, Arc::clone(&dropped)).unwrap();
    Script { writer, steps, taken, dropped }
}

fn offer(queue: &LogQueue, text: &str) -> bool {
    let lines = text.matches('\n').count() as u64;
    queue.offer(Batch { bytes: text.into(), lines, home: None }).is_none()
}

fn all(taken: &Receiver<Vec<u8>>) -> String {
    String::from_utf8(taken.iter().flatten().collect()).unwrap()
}

#[test]
fn what_a_stalled_reader_leaves_no_room_for_is_dropped_and_counted_by_line() {
    let script = script(2);
    let queue = script.writer.queue();
    assert!(offer(&queue, "first\n"));
    script.steps.send(Step::Take(1)).unwrap();
    script.taken.recv().unwrap(); // The thread is inside the first batch now and waits for a step.
    assert!(offer(&queue, "a\nb\n") && offer(&queue, "c\n"));
    assert!(!offer(&queue, "d\ne\nf\n") && !offer(&queue, "g\n"));
    assert_eq!(script.dropped.value(), 4);
    drop(script.steps);
    assert_eq!(script.writer.close(LONG), Ok(()));
    assert_eq!(all(&script.taken), "irst\na\nb\nc\n");
    assert!(!offer(&queue, "h\n"), "the thread is gone");
    assert_eq!(script.dropped.value(), 5);
}

#[test]
fn closing_waits_no_longer_than_it_may() {
    let script = script(4);
    let queue = script.writer.queue();
    assert!(offer(&queue, "a\nb\n") && offer(&queue, "c\n"));
    assert_eq!(script.writer.close(Duration::ZERO), Err(Unwritten(3)));
    drop(script.steps);
}

#[test]
fn a_line_torn_by_an_error_is_ended_before_the_next() {
    let script = script(4);
    let queue = script.writer.queue();
    offer(&queue, "one\ntwo\nthree\n");
    script.steps.send(Step::Take(6)).unwrap();
    script.steps.send(Step::Fail(io::ErrorKind::StorageFull)).unwrap();
    offer(&queue, "four\n");
    script.steps.send(Step::Fail(io::ErrorKind::StorageFull)).unwrap();
    offer(&queue, "five\n");
    drop(script.steps);
    assert_eq!(script.writer.close(LONG), Ok(()));
    assert_eq!(all(&script.taken), "one\ntw\nfive\n");
    assert_eq!(script.dropped.value(), 3, "two, three and four");
}

#[test]
fn what_takes_nothing_now_is_tried_again() {
    let script = script(4);
    offer(&script.writer.queue(), "one\n");
    for kind in [io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock] {
        script.steps.send(Step::Fail(kind)).unwrap();
    }
    drop(script.steps);
    assert_eq!(script.writer.close(LONG), Ok(()));
    assert_eq!((all(&script.taken).as_str(), script.dropped.value()), ("one\n", 0));
}

#[test]
fn a_file_that_was_moved_is_opened_anew_on_demand() {
    let folder = std::env::temp_dir().join(format!("maitred-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (path, moved) = (folder.join("access.log"), folder.join("access.log.1"));
    std::fs::write(&path, "before\n").unwrap();
    let writer = LogWriter::start(Destination::File(path.clone()), 4, Arc::default()).unwrap();
    let queue = writer.queue();
    let (home, written) = mpsc::sync_channel(1);
    queue.offer(Batch { bytes: b"one\n".to_vec(), lines: 1, home: Some(home) });
    written.recv().unwrap();
    std::fs::rename(&path, &moved).unwrap();
    writer.reopen();
    offer(&queue, "two\n");
    assert_eq!(writer.close(LONG), Ok(()));
    assert_eq!(std::fs::read_to_string(&moved).unwrap(), "before\none\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let nowhere = Destination::File("/nonexistent/folder/access.log".into());
    assert_eq!(LogWriter::start(nowhere, 4, Arc::default()).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn an_access_log_hands_over_full_buffers_and_what_is_left() {
    let script = script(64);
    drop(script.steps);
    let mut log = AccessLog::new(script.writer.queue());
    let record = AccessRecord { path: b"/x", status: 200, ..AccessRecord::default() };
    for _ in 0..4_000 {
        log.write(&AccessFormat::default(), &record);
    }
    log.flush();
    log.flush();
    log.write(&AccessFormat::default(), &record);
    drop(log);
    assert_eq!(script.writer.close(LONG), Ok(()));
    let batches: Vec<Vec<u8>> = script.taken.iter().collect();
    assert!(batches.len() > 5 && batches.iter().all(|batch| batch.len() < 68 * 1024));
    let told = String::from_utf8(batches.concat()).unwrap();
    assert_eq!((told.lines().count(), script.dropped.value()), (4_001, 0));
    assert!(told.lines().all(|line| line.ends_with("\"duration_ms\":0.000}")));
}

#[test]
fn an_access_log_whose_reader_stalls_counts_every_line_it_drops() {
    let script = script(1);
    let mut log = AccessLog::new(script.writer.queue());
    let mut written = 0;
    while script.dropped.value() == 0 {
        log.write(&AccessFormat::default(), &AccessRecord::default());
        written += 1;
    }
    drop(log);
    drop(script.steps);
    assert_eq!(script.writer.close(LONG), Ok(()));
    let told = all(&script.taken).lines().count() as u64;
    assert_eq!(told + script.dropped.value(), written);
}
