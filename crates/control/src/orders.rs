//! What the gateway is told from outside while it runs.
//! By signals, or by whoever runs it inside another program, such as a test.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Something that a running gateway is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Load the configuration again, and open log files again (SIGHUP).
    Reload,
    /// Open log files again (SIGUSR1).
    ReopenLogs,
    /// Drain and end; told twice: end at once (SIGTERM, SIGINT).
    Stop,
}

/// Turns the signals of the process into orders, from now on. To be called on the control runtime.
///
/// # Errors
///
/// If the system does not let the signals be caught.
pub fn orders_from_signals() -> io::Result<mpsc::UnboundedReceiver<Order>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut user = signal(SignalKind::user_defined1())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (orders, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let order = next_order(&mut hangup, &mut user, &mut terminate, &mut interrupt).await;
            if orders.send(order).is_err() {
                return;
            }
        }
    });
    Ok(received)
}

async fn next_order(
    hangup: &mut Signal,
    user: &mut Signal,
    terminate: &mut Signal,
    interrupt: &mut Signal,
) -> Order {
    tokio::select! {
        _ = hangup.recv() => Order::Reload,
        _ = user.recv() => Order::ReopenLogs,
        _ = terminate.recv() => Order::Stop,
        _ = interrupt.recv() => Order::Stop,
    }
}

/// Orders as the operation takes them: stopping overtakes everything, the others are remembered.
#[derive(Debug)]
pub(crate) struct Orders {
    received: mpsc::UnboundedReceiver<Order>,
    reload: bool,
    reopen_logs: bool,
}

impl Orders {
    pub(crate) fn new(received: mpsc::UnboundedReceiver<Order>) -> Self {
        Self { received, reload: false, reopen_logs: false }
    }

    /// The next order. Several reloads that wait are one. Whoever gives the orders being gone means to stop.
    pub(crate) async fn next(&mut self) -> Order {
        loop {
            if std::mem::take(&mut self.reload) {
                return Order::Reload;
            }
            if std::mem::take(&mut self.reopen_logs) {
                return Order::ReopenLogs;
            }
            match self.received.recv().await {
                Some(Order::Stop) | None => return Order::Stop,
                Some(order) => self.remember(order),
            }
        }
    }

    /// Waits for the order to stop. Others are remembered for [`Orders::next`].
    pub(crate) async fn stop(&mut self) {
        loop {
            match self.received.recv().await {
                Some(Order::Stop) | None => return,
                Some(order) => self.remember(order),
            }
        }
    }

    fn remember(&mut self, order: Order) {
        match order {
            Order::Reload => self.reload = true,
            Order::ReopenLogs => self.reopen_logs = true,
            Order::Stop => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stopping_overtakes_and_the_others_are_remembered_once() {
        let (give, received) = mpsc::unbounded_channel();
        let mut orders = Orders::new(received);
        for order in [Order::Reload, Order::ReopenLogs, Order::Reload, Order::Stop] {
            give.send(order).unwrap();
        }
        orders.stop().await;
        assert_eq!(orders.next().await, Order::Reload);
        assert_eq!(orders.next().await, Order::ReopenLogs);
        drop(give);
        assert_eq!(orders.next().await, Order::Stop);
    }
}
