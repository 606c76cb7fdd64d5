//! What is told on channels comes to all who share the store, and after the store was away they know that they may have missed something.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use maitred_store::{Ear, Store};
use maitred_tests::{PATIENCE, Redis, RedisCluster, eventually};

use crate::stage::{SEAT, Stage, place, settings};

/// What was heard: a message, or none for a gap.
struct Listener(Mutex<Sender<Option<Vec<u8>>>>);

impl Ear for Listener {
    fn hear(&self, message: &[u8]) {
        self.0.lock().unwrap().send(Some(message.to_vec())).unwrap();
    }

    fn gap(&self) {
        self.0.lock().unwrap().send(None).unwrap();
    }
}

/// One who listens, from when the store is subscribed to.
fn listen(stage: &Stage, name: &'static str) -> (Arc<Listener>, Receiver<Option<Vec<u8>>>) {
    let (sender, heard) = channel();
    let listener = Arc::new(Listener(Mutex::new(sender)));
    let ear: Arc<dyn Ear> = Arc::clone(&listener) as _;
    stage.store.listen(name, Arc::downgrade(&ear));
    // Before that, something may have been missed.
    assert_eq!(next(&heard), None);
    (listener, heard)
}

/// What is heard next.
fn next(heard: &Receiver<Option<Vec<u8>>>) -> Option<Vec<u8>> {
    heard.recv_timeout(PATIENCE).unwrap()
}

fn tell(stage: &Stage, message: &'static [u8]) {
    stage.run(async {
        stage.store.tell(SEAT, "purge", Bytes::from_static(message));
        // It goes out beside this task.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    });
    eventually("it went out", || stage.is_well().then_some(()));
}

#[test]
fn all_who_share_a_store_hear_what_one_tells() {
    let redis = Redis::default();
    let (one, other) = (Stage::single(&redis), Stage::single(&redis));
    let (_own, own) = listen(&one, "purge");
    let (_else, elsewhere) = listen(&other, "purge");
    let (_quiet, quiet) = listen(&other, "revoke");
    tell(&one, b"\0 all");
    assert_eq!(next(&own).as_deref(), Some(&b"\0 all"[..]));
    assert_eq!(next(&elsewhere).as_deref(), Some(&b"\0 all"[..]));
    assert!(quiet.try_recv().is_err());
}

#[test]
fn who_was_cut_off_knows_it_and_hears_what_comes_then() {
    let mut redis = Redis::default();
    let stage = Stage::single(&redis);
    let (_ear, heard) = listen(&stage, "purge");
    redis.kill();
    eventually("it is away", || (!stage.is_well()).then_some(()));
    stage.run(async { stage.store.tell(SEAT, "purge", Bytes::from_static(b"meanwhile")) });
    eventually("this process hears it", || {
        stage.run(tokio::task::yield_now());
        heard.try_recv().ok().map(|said| assert_eq!(said.as_deref(), Some(&b"meanwhile"[..])))
    });
    redis.restart();
    assert_eq!(next(&heard), None);
    eventually("it is back", || stage.is_well().then_some(()));
    tell(&stage, b"again");
    assert_eq!(next(&heard).as_deref(), Some(&b"again"[..]));
}

#[test]
fn in_a_cluster_all_hear_it() {
    let cluster = RedisCluster::start(0);
    let stage = |node: usize| {
        Stage::of(&settings(maitred_store::RedisServers::Cluster(vec![place(&cluster.nodes[node])])))
    };
    let (one, other) = (stage(0), stage(2));
    let (_ear, heard) = listen(&other, "purge");
    tell(&one, b"all");
    assert_eq!(next(&heard).as_deref(), Some(&b"all"[..]));
}
