//! The places beside a model that takes its time, and under threads that do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use proptest::prelude::*;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use crate::concurrency_limit::queue::Class;
use crate::concurrency_limit::slots::{Admission, Limit, Permit, Rules, SlotsShared};

const CLASSES: [Class; 3] = [Class::High, Class::Normal, Class::Low];

/// What a test does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(usize),
    /// The one of this number is done, or gives up.
    Leave(usize),
}

/// A request as the places know it.
enum Asked {
    Admitted(#[expect(dead_code, reason = "held until it is dropped")] Permit),
    Waits(Receiver<Permit>),
    Refused,
}

impl Asked {
    fn look(&mut self) -> &'static str {
        if let Self::Waits(receiver) = self {
            match receiver.try_recv() {
                Ok(permit) => *self = Self::Admitted(permit),
                Err(TryRecvError::Closed) => *self = Self::Refused,
                Err(TryRecvError::Empty) => {}
            }
        }
        match self {
            Self::Admitted(_) => "admitted",
            Self::Waits(_) => "waits",
            Self::Refused => "refused",
        }
    }
}

/// The same by looking at everybody.
#[derive(Default)]
struct Model {
    states: Vec<(usize, &'static str)>,
}

impl Model {
    fn count(&self, state: &str) -> usize {
        self.states.iter().filter(|(_, is)| *is == state).count()
    }

    fn ask(&mut self, class: usize, limit: usize, room: usize) {
        let mut state = "admitted";
        if self.count("admitted") >= limit {
            state = "waits";
            if self.count("waits") >= room {
                let lower = self.states.iter_mut().filter(|(other, is)| *is == "waits" && *other > class);
                // The last of the lowest.
                match lower.max_by_key(|(other, _)| *other) {
                    Some(lowest) => lowest.1 = "refused",
                    None => state = "refused",
                }
            }
        }
        self.states.push((class, state));
    }

    fn leave(&mut self, who: usize, limit: usize) {
        self.states[who].1 = "gone";
        while self.count("admitted") < limit {
            let waiting = self.states.iter_mut().filter(|(_, is)| *is == "waits");
            let Some(next) = waiting.min_by_key(|(class, _)| *class) else { return };
            next.1 = "admitted";
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![(0..3usize).prop_map(Step::Ask), any::<usize>().prop_map(Step::Leave)]
}

proptest! {
    #[test]
    fn the_places_do_what_the_model_does(
        limit in 1usize..4, room in 0usize..4, steps in prop::collection::vec(step(), 0..60),
    ) {
        let rules = Rules { limit: Limit::Fixed(limit), room, edition: 0 };
        let slots = Arc::new(SlotsShared::new(rules.limit));
        let (mut all, mut model): (Vec<Option<Asked>>, _) = (Vec::new(), Model::default());
        for step in steps {
            match step {
                Step::Ask(class) => {
                    model.ask(class, limit, room);
                    all.push(Some(match slots.admit(rules, || CLASSES[class]) {
                        Admission::Admitted(permit) => Asked::Admitted(permit),
                        Admission::Waits(receiver) => Asked::Waits(receiver),
                        Admission::Refused => Asked::Refused,
                    }));
                }
                Step::Leave(who) if !all.is_empty() => {
                    let who = who % all.len();
                    model.leave(who, limit);
                    all[who] = None;
                }
                Step::Leave(_) => {}
            }
            for (asked, (_, state)) in all.iter_mut().zip(&model.states) {
                prop_assert_eq!(asked.as_mut().map_or("gone", Asked::look), *state);
            }
            prop_assert_eq!(slots.taken(), model.count("admitted"));
        }
        drop(all);
        prop_assert_eq!(slots.taken(), 0);
    }
}

#[test]
fn threads_never_have_more_places_than_there_are_and_lose_none() {
    const LIMIT: usize = 3;
    let rules = Rules { limit: Limit::Fixed(LIMIT), room: 2, edition: 0 };
    let slots = Arc::new(SlotsShared::new(rules.limit));
    let (busy, most, served) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let serve = |permit: Permit| {
        most.fetch_max(busy.fetch_add(1, SeqCst) + 1, SeqCst);
        served.fetch_add(1, SeqCst);
        std::thread::yield_now();
        busy.fetch_sub(1, SeqCst);
        drop(permit);
    };
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (slots, serve) = (&slots, &serve);
            scope.spawn(move || {
                for round in 0..3_000 {
                    match slots.admit(rules, || CLASSES[(thread + round) % 3]) {
                        Admission::Admitted(permit) => serve(permit),
                        Admission::Waits(mut receiver) => {
                            // One in four gives up soon; the others wait until they know.
                            let patience = if round % 4 == 0 { 3 } else { usize::MAX };
                            for _ in 0..patience {
                                match receiver.try_recv() {
                                    Ok(permit) => {
                                        serve(permit);
                                        break;
                                    }
                                    Err(TryRecvError::Closed) => break,
                                    Err(TryRecvError::Empty) => std::thread::yield_now(),
                                }
                            }
                        }
                        Admission::Refused => std::thread::yield_now(),
                    }
                }
            });
        }
    });
    assert!(most.into_inner() <= LIMIT && served.into_inner() > 1000);
    assert_eq!(slots.taken(), 0);
    assert!(matches!(slots.admit(rules, || Class::Low), Admission::Admitted(_)));
}
