//! Stores on the running program: what outlives it, and what goes on when a store is changed.

use maitred_tests::{Folder, Gateway, eventually};

/// A gateway with a quota of five, whose counts are kept in this folder.
fn document(folder: &Folder, size: &str) -> String {
    format!(
        "stores: {{ default: {{ memory: {{ size: {size}, path: \"{}\" }} }} }}\n\
         policies: {{ quota: {{ limit: 5/month, by: header.X-Who }} }}\nroutes: {{ app: {{ respond: OK }} }}\n",
        folder.join("counters").display()
    )
}

fn remaining(gateway: &Gateway, who: &str) -> u64 {
    let answer = gateway.curl("/", &["-H", &format!("X-Who: {who}")]);
    answer.head.field("X-Quota-Remaining").expect("the quota is told").parse().unwrap()
}

#[test]
fn quotas_outlive_the_process_and_go_on_when_the_store_is_changed() {
    let folder = Folder::default();
    let mut first = Gateway::start(&document(&folder, "4MiB"));
    assert_eq!((remaining(&first, "a"), remaining(&first, "a"), remaining(&first, "b")), (4, 3, 4));
    first.reload(&document(&folder, "8MiB"));
    assert_eq!(remaining(&first, "a"), 2);
    assert_eq!(first.metrics().sum("maitred_store_held", &[("store", "default"), ("kind", "durable")]), 2);
    assert!(first.stop().success());
    let mut second = Gateway::start(&document(&folder, "8MiB"));
    assert_eq!((remaining(&second, "a"), remaining(&second, "b")), (1, 3));
    // Killed, it loses no more than the last seconds.
    let text = || std::fs::read_to_string(folder.join("counters")).unwrap();
    let before = text();
    eventually("the counts are saved", || (text() != before).then_some(()));
    second.may_end_anyhow();
    second.signal("KILL");
    let third = Gateway::start(&document(&folder, "8MiB"));
    assert_eq!(remaining(&third, "a"), 0);
    let refused = third.curl("/", &["-H", "X-Who: a"]);
    assert_eq!(refused.status(), 429);
}
