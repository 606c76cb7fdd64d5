//! Who may prove which names: one order at a time for each. At one moment there is one proof of a name by TLS, and two authorities want
//! different ones.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::watch;

/// The names that orders are going on for, of all accounts.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<watch::Sender<HashSet<String>>>);

/// The right to prove some names. Dropped, it is the next one's.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    among: &'a Turns,
    hosts: &'a [String],
}

impl Turns {
    /// Waits until nobody else proves any of these names. Nothing is held meanwhile, so that no two wait for each other.
    pub(super) async fn take<'a>(&'a self, hosts: &'a [String]) -> Turn<'a> {
        let mut changes = self.0.subscribe();
        loop {
            changes.mark_unchanged();
            let is_taken = self.0.send_if_modified(|busy| {
                let is_free = !hosts.iter().any(|host| busy.contains(host));
                if is_free {
                    busy.extend(hosts.iter().cloned());
                }
                is_free
            });
            if is_taken {
                return Turn { among: self, hosts };
            }
            changes.changed().await.expect("this one is the sender");
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.among.0.send_modify(|busy| {
            for host in self.hosts {
                busy.remove(host);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn hosts(hosts: &[&str]) -> Vec<String> {
        hosts.iter().map(|host| (*host).to_owned()).collect()
    }

    #[test]
    fn a_name_is_one_orders_at_a_time() {
        let turns = Turns::default();
        let [both, first, other] = [&["a", "b"][..], &["a"], &["c"]].map(hosts);
        let mut cx = Context::from_waker(Waker::noop());
        let mut take_both = pin!(turns.take(&both));
        let turn = take_both.as_mut().poll(&mut cx);
        assert!(turn.is_ready());
        let mut waiting = pin!(turns.take(&first));
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        let free = pin!(turns.take(&other)).poll(&mut cx);
        assert!(free.is_ready(), "nobody proves this one");
        drop(free);
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        drop(turn);
        assert!(waiting.as_mut().poll(&mut cx).is_ready());
    }
}
