//! Requests that policies ask anew, without a client: each is an exchange in a task of its own, on the route and with the snapshot of the
//! request that it came of. It begins at the policy that wants it, goes the whole way down and up, and its answer is read to its end behind
//! the filters, and thrown away.
//!
//! Nobody waits for one: where too many are under way it is dropped, and so it is when the worker drains.

use std::rc::Rc;
use std::time::Duration;

use maitred_http::BodyLength;
use maitred_wire::h1::RequestFraming;
use maitred_wire::{Nobody, ServerSide};
use tokio::task::spawn_local;

use crate::catch_panic::CatchPanic;
use crate::connection::Connection;
use crate::exchange;
use crate::listener::Admitted;
use crate::place::Place;
use crate::refreshes::Refresh;
use crate::worker::Worker;

/// How long one may take where its route does not limit that.
const LONGEST: Duration = Duration::from_mins(1);

/// Begins what policies ask for, for as long as the worker is there.
pub(crate) async fn run(worker: Rc<Worker>) {
    loop {
        let (refresh, place) = worker.refreshes.next().await;
        spawn_local(one(Rc::clone(&worker), refresh, place));
    }
}

/// Asks one anew, within its time.
async fn one(worker: Rc<Worker>, refresh: Refresh, _place: Place) {
    let facts = &refresh.again.facts;
    let (route, id) = (facts.route.clone(), facts.request_id.clone());
    let most = refresh.snapshot.routes[route.number()].action.total().unwrap_or(LONGEST);
    let timer = worker.timers.timer();
    timer.set(worker.clock.now() + most);
    let mut serving = CatchPanic(Box::pin(serve(&worker, refresh)));
    let ended = std::future::poll_fn(|cx| {
        let ended = std::pin::Pin::new(&mut serving).poll(cx).map(Some);
        if ended.is_ready() { ended } else { timer.poll_fired(cx).map(|()| None) }
    });
    match ended.await {
        Some(Ok(())) => {}
        Some(Err(message)) => {
            worker.panics.inc();
            tracing::error!(route = &*route.name, request_id = id.as_str(), "a refresh panicked: {message}");
        }
        None => tracing::debug!(route = &*route.name, request_id = id.as_str(), "a refresh took too long"),
    }
}

async fn serve(worker: &Worker, refresh: Refresh) {
    let Refresh { snapshot, request, mut again } = refresh;
    let since = worker.clock.now();
    again.facts.received = worker.wall(since);
    let facts = &again.facts;
    // The snapshot is that of the request that came in there.
    let Some(listener) = snapshot.listener(&facts.listener) else { return };
    let mut connection = Connection {
        client: ServerSide::Nobody(Box::new(Nobody::asking(request.method))),
        timer: worker.timers.timer(),
        peer: facts.peer,
        since,
        admitted: Rc::new(Admitted::nobody(&facts.listener)),
        arrival: None,
        is_new: false,
        counted: None,
    };
    let announced = RequestFraming {
        length: BodyLength::None,
        keep_alive: false,
        expects_continue: false,
        wants_upgrade: false,
    };
    let mut heads = worker.take_heads();
    heads.request = request;
    let asked = (announced, Some(Box::new(again)));
    exchange::serve(worker, &snapshot, listener, &mut connection, &mut heads, asked).await;
    worker.give_heads(heads);
}
