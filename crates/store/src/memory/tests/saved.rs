//! Durable counters outlive the process.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// A folder of a test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("maitred-store-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("counters")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path, size: u64) -> MemoryStore {
    MemoryStore::new(MemorySettings { size, path: Some(path.to_owned()) })
}

/// So long after the first process began, in one that began when the wall clock was at `began`.
fn later(since: u64, began: u64) -> Moment {
    Moment { steady: since - began, ..at(since) }
}

fn remaining(store: &MemoryStore, scope: &Scope, limit: Limit, cost: u64, now: Moment) -> u64 {
    take(store, (scope, b"who"), &[limit], cost, now).unwrap().standings[0].remaining
}

#[test]
fn what_was_taken_is_still_taken_after_a_restart_whatever_the_algorithm() {
    let folder = Folder::new("restart");
    let scope = Scope::durable("quota");
    let month = Limit { period: Period::Month, ..limit(Algorithm::FixedWindow, 50, 1) };
    let limits: Vec<Limit> =
        ALL.into_iter().map(|algorithm| limit(algorithm, 50, 3600)).chain([month]).collect();
    let first = open(&folder.file(), 1 << 20);
    let before: Vec<u64> =
        limits.iter().map(|limit| remaining(&first, &scope, *limit, 30, at(7 * SECOND))).collect();
    first.save();
    let written = fs::read(folder.file()).unwrap();
    first.save();
    let second = open(&folder.file(), 1 << 20);
    let now = later(9 * SECOND, 8 * SECOND);
    for (limit, before) in limits.iter().zip(before) {
        let now_left = remaining(&second, &scope, *limit, 0, now);
        assert_eq!(now_left, before, "{limit:?}");
    }
    second.save();
    assert_eq!(fs::read(folder.file()).unwrap(), written, "nothing was taken since");
    assert_eq!(remaining(&second, &scope, month, 1, now), 19);
    second.save();
    let third = open(&folder.file(), 1 << 20);
    assert_eq!(remaining(&third, &scope, month, 0, later(10 * SECOND, 10 * SECOND)), 19);
    let raised = Limit { count: 100, ..month };
    assert_eq!(remaining(&third, &scope, raised, 0, later(10 * SECOND, 10 * SECOND)), 69, "it goes on");
    said(third.reset(SEAT, Key { scope: &scope, value: b"who" }, &limits)).unwrap();
    third.save();
    assert!(said(open(&folder.file(), 1 << 20).list(SEAT, &scope, 9)).unwrap().is_empty());
}

#[test]
fn a_bucket_fills_while_the_process_is_down() {
    let folder = Folder::new("down");
    let (scope, bucket) = (Scope::durable("quota"), limit(Algorithm::TokenBucket, 60, 60));
    let first = open(&folder.file(), 1 << 20);
    assert_eq!(remaining(&first, &scope, bucket, 60, at(5 * SECOND)), 0);
    first.save();
    let second = open(&folder.file(), 1 << 20);
    assert_eq!(remaining(&second, &scope, bucket, 0, later(25 * SECOND, 25 * SECOND)), 20);
}

#[test]
fn scopes_that_may_be_forgotten_are_not_saved_and_those_that_are_over_neither() {
    let folder = Folder::new("over");
    let (scope, fixed) = (Scope::durable("quota"), limit(Algorithm::FixedWindow, 60, 60));
    let store = open(&folder.file(), 1 << 20);
    remaining(&store, &Scope::new("limit"), fixed, 1, at(0));
    store.save();
    assert!(!folder.file().exists());
    remaining(&store, &scope, fixed, 1, at(0));
    take(&store, (&scope, b"other"), &[fixed], 1, at(60 * SECOND)).unwrap();
    store.save();
    let text = fs::read_to_string(folder.file()).unwrap();
    assert!(text.contains("other") && !text.contains("who"), "{text}");
}

#[test]
fn many_records_are_saved_and_what_finds_no_room_later_is_left_out() {
    let folder = Folder::new("many");
    let (scope, fixed) = (Scope::durable("quota"), limit(Algorithm::FixedWindow, 60, 60));
    let large = open(&folder.file(), 16 << 20);
    for number in 0..1500u32 {
        take(&large, (&scope, &number.to_be_bytes()), &[fixed], 1, at(0)).unwrap();
    }
    large.save();
    let list = |store: &MemoryStore| said(store.list(SEAT, &scope, 10_000)).unwrap().len();
    assert_eq!(list(&open(&folder.file(), 16 << 20)), 1500);
    let small = list(&open(&folder.file(), 1 << 20));
    assert!((100..1500).contains(&small), "{small}");
}

#[test]
fn a_file_that_cannot_be_read_is_kept_aside_when_there_is_something_to_save() {
    let folder = Folder::new("broken");
    let (scope, fixed) = (Scope::durable("quota"), limit(Algorithm::FixedWindow, 60, 60));
    fs::write(folder.file(), "something else\n").unwrap();
    let store = open(&folder.file(), 1 << 20);
    store.save();
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), "something else\n");
    remaining(&store, &scope, fixed, 1, at(0));
    store.save();
    let aside = folder.0.join("counters.broken");
    assert_eq!(fs::read_to_string(aside).unwrap(), "something else\n");
    assert_eq!(remaining(&open(&folder.file(), 1 << 20), &scope, fixed, 0, at(1)), 59);
}

#[test]
fn a_save_that_fails_is_counted_and_tried_again() {
    let folder = Folder::new("failing");
    let (scope, fixed) = (Scope::durable("quota"), limit(Algorithm::FixedWindow, 60, 60));
    let path = folder.0.join("not yet/counters");
    let store = open(&path, 1 << 20);
    remaining(&store, &scope, fixed, 1, at(0));
    let failed = || {
        let lines = store.measured().measures();
        lines.iter().find(|line| line.family == "maitred_store_failed_saves_total").unwrap().value
    };
    store.save();
    store.save();
    assert_eq!(failed(), 2);
    fs::create_dir(path.parent().unwrap()).unwrap();
    store.save();
    store.save();
    assert_eq!(failed(), 2);
    assert_eq!(remaining(&open(&path, 1 << 20), &scope, fixed, 0, at(1)), 59);
}
