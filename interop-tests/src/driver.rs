//! A host on a thread of its own, of the C library or ours.

use std::fmt::Debug;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a test waits for what must come: far more than it takes, even on a busy machine.
pub const LONG: Duration = Duration::from_secs(60);

/// What a [`Driver`] keeps going.
pub trait Serve: Send + 'static {
    /// What happens to it.
    type Event: Debug + Send + 'static;

    /// Sends, receives, and waits for an event, for a millisecond at most, as the test's orders cannot interrupt it.
    fn serve(&mut self) -> Option<Self::Event>;
}

/// A host that is served all the time, so that it acknowledges and pings while the test waits for the other side.
///
/// When this value goes, the host does too, without a word to its peers.
#[derive(Debug)]
pub struct Driver<H: Serve> {
    orders: Option<Sender<Order<H>>>,
    events: Receiver<H::Event>,
    /// Events that were passed over.
    kept: Vec<H::Event>,
    thread: Option<JoinHandle<()>>,
}

type Order<H> = Box<dyn FnOnce(&mut H) + Send>;

impl<H: Serve> Driver<H> {
    /// Serves this host.
    #[must_use]
    pub fn of(mut host: H) -> Driver<H> {
        let (orders, new_orders) = mpsc::channel::<Order<H>>();
        let (new_events, events) = mpsc::channel();
        let thread = thread::spawn(move || {
            loop {
                match new_orders.try_recv() {
                    Ok(order) => order(&mut host),
                    Err(TryRecvError::Empty) => {
                        if let Some(event) = host.serve() {
                            let _ = new_events.send(event);
                        }
                    }
                    Err(TryRecvError::Disconnected) => return,
                }
            }
        });
        Driver {
            orders: Some(orders),
            events,
            kept: Vec::new(),
            thread: Some(thread),
        }
    }

    /// Does something with the host on its thread, and returns what came of it.
    ///
    /// # Panics
    /// If the thread has.
    #[track_caller]
    pub fn with<T: Send + 'static>(&self, order: impl FnOnce(&mut H) -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        let order: Order<H> = Box::new(move |host| {
            let _ = answer.send(order(host));
        });
        let sent = self.orders.as_ref().and_then(|orders| orders.send(order).ok());
        sent.and_then(|()| answered.recv().ok())
            .expect("the host's thread runs")
    }

    /// Waits for the next event that `is` what is waited for; others are kept for later.
    pub fn try_expect(&mut self, within: Duration, is: impl Fn(&H::Event) -> bool) -> Option<H::Event> {
        if let Some(at) = self.kept.iter().position(&is) {
            return Some(self.kept.remove(at));
        }
        let deadline = Instant::now() + within;
        while let Ok(event) = self
            .events
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            if is(&event) {
                return Some(event);
            }
            self.kept.push(event);
        }
        None
    }

    /// As [`try_expect`](Driver::try_expect), for as long as [`LONG`].
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn expect(&mut self, what: &str, is: impl Fn(&H::Event) -> bool) -> H::Event {
        match self.try_expect(LONG, is) {
            Some(event) => event,
            None => panic!("no {what}; there was {:?}", self.kept),
        }
    }

    /// Waits for the next event, whatever it is.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub fn next_event(&mut self) -> H::Event {
        self.expect("event", |_| true)
    }
}

impl<H: Serve> Drop for Driver<H> {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
