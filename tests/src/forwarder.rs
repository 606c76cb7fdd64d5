//! What passes bytes on between a service and those who ask it, and can be told to fail: the service is gone, or says nothing, for
//! them alone, and is back without having to start again.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A port of its own before another one of this machine. It passes everything on until it is told otherwise.
#[derive(Debug)]
pub struct Forwarder {
    port: u16,
    line: Arc<Line>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    Whole,
    /// Connections end, and new ones at once.
    Cut,
    /// Connections are accepted, and nothing passes.
    Stalled,
    /// What passes takes so long, each way.
    Slow(Duration),
    /// For good.
    Over,
}

#[derive(Debug, Default)]
struct Line {
    state: Mutex<State>,
    changed: Condvar,
    open: Mutex<Vec<TcpStream>>,
    accepted: AtomicUsize,
}

impl Forwarder {
    /// Before this port.
    pub fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Arc::new(Line::default());
        let forwarded = Arc::clone(&line);
        std::thread::spawn(move || {
            for asking in listener.incoming().map_while(Result::ok) {
                match forwarded.state() {
                    State::Over => return,
                    State::Cut => drop(asking),
                    State::Whole | State::Stalled | State::Slow(_) => forwarded.forward(asking, to),
                }
            }
        });
        Self { port, line }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it passed on.
    pub fn connections(&self) -> usize {
        self.line.accepted.load(Ordering::SeqCst)
    }

    /// The service is gone: its connections end, and so does every new one at once.
    pub fn cut(&self) {
        self.line.turn(State::Cut);
    }

    /// The service takes connections, and neither hears nor says anything.
    pub fn stall(&self) {
        self.line.turn(State::Stalled);
    }

    /// The service is far away: what is sent takes so long until it is there, and so do answers.
    pub fn slow(&self, delay: Duration) {
        self.line.turn(State::Slow(delay));
    }

    /// The service is back. What waited is passed on.
    pub fn mend(&self) {
        self.line.turn(State::Whole);
    }
}

impl Line {
    fn state(&self) -> State {
        *self.state.lock().unwrap()
    }

    fn turn(&self, state: State) {
        *self.state.lock().unwrap() = state;
        self.changed.notify_all();
        if matches!(state, State::Cut | State::Over) {
            self.end_all();
        }
    }

    fn end_all(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            // One that has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Both directions of a connection, each on a thread of its own.
    fn forward(self: &Arc<Self>, asking: TcpStream, to: u16) {
        let Ok(asked) = TcpStream::connect(("127.0.0.1", to)) else { return };
        self.accepted.fetch_add(1, Ordering::SeqCst);
        self.open.lock().unwrap().extend([asking.try_clone().unwrap(), asked.try_clone().unwrap()]);
        if matches!(self.state(), State::Cut | State::Over) {
            // Between the look at the state and here.
            self.end_all();
        }
        for (from, to) in [(asking.try_clone().unwrap(), asked.try_clone().unwrap()), (asked, asking)] {
            let line = Arc::clone(self);
            std::thread::spawn(move || line.copy(from, to));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut room = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut room) {
            let state = self.state.lock().unwrap();
            let state = self.changed.wait_while(state, |state| *state == State::Stalled).unwrap();
            if let State::Slow(delay) = *state {
                let is_slow = |state: &mut State| *state == State::Slow(delay);
                drop(self.changed.wait_timeout_while(state, delay, is_slow).unwrap());
            } else {
                drop(state);
            }
            if to.write_all(&room[..read]).is_err() {
                break;
            }
        }
        // The other direction may go on.
        let _ = to.shutdown(Shutdown::Write);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.line.turn(State::Over);
        // Wakes the thread that accepts, so that it sees it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
