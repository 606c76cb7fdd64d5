//! Those that wait for a place, by class and in the order in which they came. Whoever gives up is left where he stands, and
//! forgotten when his turn comes or his room is needed.

use std::collections::VecDeque;

use tokio::sync::oneshot::Sender;

/// The class of one that waits, the first that goes on first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    High,
    Normal,
    Low,
}

impl Class {
    /// As the configuration has it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// As many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Of a full queue, how many are looked at for each that finds it full, whether they have given up: to look at all of them for each
/// would be most work when there is most to do.
const LOOKED_AT: usize = 32;

/// Those that wait for a `T`.
#[derive(Debug)]
pub(super) struct Queue<T> {
    classes: [VecDeque<Sender<T>>; 3],
    /// How many more may find it full before all are looked at again.
    until_sweep: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { classes: Default::default(), until_sweep: 0 }
    }
}

impl<T> Queue<T> {
    /// How many wait, with those that gave up and were not met yet.
    pub(super) fn len(&self) -> usize {
        self.classes.iter().map(VecDeque::len).sum()
    }

    /// How many wait indeed.
    pub(super) fn waiting(&self) -> usize {
        self.classes.iter().flatten().filter(|one| !one.is_closed()).count()
    }

    /// Adds one at the end of its class. If `room` wait already, one of a lower class gives way, the last that came: it is
    /// returned. If there is none, there is no room.
    pub(super) fn push(
        &mut self,
        class: Class,
        room: usize,
        new: Sender<T>,
    ) -> Result<Option<Sender<T>>, Full> {
        if self.len() >= room {
            self.sweep();
        }
        let mut displaced = None;
        if self.len() >= room {
            let mut lower = self.classes[class as usize + 1..].iter_mut().rev();
            displaced = Some(lower.find_map(VecDeque::pop_back).ok_or(Full)?);
        }
        self.classes[class as usize].push_back(new);
        Ok(displaced)
    }

    /// Forgets those that gave up, where it was not full for as often as that is worth since the last time.
    fn sweep(&mut self) {
        if self.until_sweep > 0 {
            self.until_sweep -= 1;
            return;
        }
        self.until_sweep = self.len() / LOOKED_AT;
        self.classes.iter_mut().for_each(|waiting| waiting.retain(|one| !one.is_closed()));
    }

    /// The next that has not given up, and its class.
    pub(super) fn pop(&mut self) -> Option<(Class, Sender<T>)> {
        for class in [Class::High, Class::Normal, Class::Low] {
            while let Some(one) = self.classes[class as usize].pop_front() {
                if !one.is_closed() {
                    return Some((class, one));
                }
            }
        }
        None
    }

    /// Puts the one that was just taken back where it stood.
    pub(super) fn put_back(&mut self, class: Class, one: Sender<T>) {
        self.classes[class as usize].push_front(one);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::{Receiver, channel};

    use super::*;

    fn push(queue: &mut Queue<()>, room: usize) -> Result<Receiver<()>, Full> {
        let (sender, receiver) = channel();
        queue.push(Class::Normal, room, sender).map(|_| receiver)
    }

    #[test]
    fn in_a_long_queue_who_gives_up_leaves_room_a_little_later() {
        const ROOM: usize = 10 * LOOKED_AT;
        let mut queue = Queue::default();
        let mut waiting: Vec<_> = (0..ROOM).map(|_| push(&mut queue, ROOM).unwrap()).collect();
        assert!(push(&mut queue, ROOM).is_err(), "all are looked at here");
        waiting.truncate(ROOM - 2);
        for _ in 0..10 {
            assert!(push(&mut queue, ROOM).is_err());
        }
        waiting.push(push(&mut queue, ROOM).unwrap());
        waiting.push(push(&mut queue, ROOM).unwrap());
        assert!(push(&mut queue, ROOM).is_err());
        assert_eq!((queue.len(), queue.waiting()), (ROOM, ROOM));
    }
}
