//! What hooks may ask of the worker that runs them: the time, to be woken later, chance, and threads for what takes long. All of it
//! is passed in, so that tests move the clock and seed the dice.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use maitred_config::scalar::HttpUrl;
use maitred_http::RequestHead;
use maitred_store::{Moment, Seat};
use tokio::sync::oneshot;

use crate::facts::Facts;
use crate::fault::Fault;
use crate::outbound::{CallLimits, Calling, Outbound};

/// A wait for an instant. Dropping it costs nothing more.
pub type Sleep = Pin<Box<dyn Future<Output = ()>>>;

/// Work for another thread.
pub type Job = Box<dyn FnOnce() + Send>;

/// What nobody waits for: it goes on beside requests, on the worker's thread.
pub type Aside = Pin<Box<dyn Future<Output = ()>>>;

/// What a worker is to what outlives a hook: a filter of a body, something that hangs on the end of an exchange.
pub trait Beside: fmt::Debug {
    /// Who asks stores.
    fn seat(&self) -> Seat;

    /// The time as stores go by it.
    fn moment(&self) -> Moment;

    /// Ready in this time, or some milliseconds later.
    fn sleep(&self, time: Duration) -> Sleep;

    /// Has this done, and waits for nothing. It goes as far as it can at once, so that what a store in memory is asked is done on return. False where so much
    /// goes on already that the rest of it was given up. A gateway that ends waits for it a while.
    fn detach(&self, aside: Aside) -> bool;

    /// The same for what has a meaning only as long as requests are under way: a gateway that ends does not wait for it.
    fn attend(&self, aside: Aside) -> bool;
}

/// The worker, as far as policies know it.
pub trait Runtime: fmt::Debug {
    /// The time.
    fn now(&self) -> Instant;

    /// Ready at this instant, or some milliseconds later.
    fn sleep_until(&self, at: Instant) -> Sleep;

    /// Who asks stores.
    fn seat(&self) -> Seat;

    /// The time as stores go by it.
    fn moment(&self) -> Moment;

    /// Has a request asked anew, without a client and without a body: beside the requests of clients, on the same route and with the same
    /// snapshot as the one whose hook asks for it, whose facts are to be given. It begins at the policy that asks (its request hook sees
    /// [`Facts::is_refresh`](crate::Facts)), goes on as any request, and comes up again to that policy; its answer is read to its end behind
    /// the filters, and thrown away. It may take as long as the route lets an exchange take, or else a minute.
    ///
    /// Whether it will be asked: not where many are, where the gateway drains or has too much to do, and not for a request that is a refresh
    /// itself. One that will be asked ends as others do, with the end hook of the policies that ran, also where it fails; only what has
    /// not begun when the gateway ends is dropped without.
    fn refresh(&self, request: RequestHead, facts: Facts) -> bool;

    /// The worker, for what outlives the hook.
    fn beside(&self) -> Rc<dyn Beside>;

    /// A random number, each as likely as any other. Not for secrets.
    fn random(&self) -> u64;

    /// Sends a whole request to an upstream, and reads the whole answer: over the connections that the worker keeps to it, to
    /// an endpoint that balancing chooses, unless its circuit is open. `Host` is filled in where the request has none.
    fn call<'a>(
        &'a self,
        to: &'a Outbound,
        request: RequestHead,
        body: Vec<u8>,
        limits: CallLimits,
    ) -> Calling<'a>;

    /// The same to where a URL leads that is known only by now: method and fields are those of `request`, the target is the URL's. Where an
    /// upstream of the snapshot is that place alone, it is called. Others are asked on the control runtime, a few at
    /// a time, on connections of their own, with the authorities of the system; that is for what happens seldom.
    fn call_url<'a>(
        &'a self,
        url: &'a HttpUrl,
        request: RequestHead,
        body: Vec<u8>,
        limits: CallLimits,
    ) -> Calling<'a>;

    /// Has a job done by a thread that may take its time. There are few of these threads, and one queue for the process; where that
    /// is full, the fault says so at once. For hooks there is [`off_worker`].
    fn queue(&self, job: Job) -> Result<(), Fault>;
}

/// Does what takes longer than a worker may (hashing passwords) on another thread: its result. Work whose client has gone before
/// its turn came is not begun. A full queue is a fault (503), and so is a panic (500).
pub async fn off_worker<T: Send + 'static>(
    runtime: &dyn Runtime,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let (sender, result) = oneshot::channel();
    runtime.queue(Box::new(move || {
        if !sender.is_closed() {
            // The client may have gone meanwhile.
            let _ = sender.send(work());
        }
    }))?;
    result.await.map_err(|_| Fault::gateway("panic"))
}
