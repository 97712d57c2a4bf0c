//! The thread that runs the sockets of all connections of this process.

use std::io;
use std::sync::{Arc, Mutex, Weak};
use std::thread::{Builder, JoinHandle};

use tokio::runtime::{Builder as RuntimeBuilder, Handle};
use tokio::sync::oneshot;

use super::lock;

/// The thread, as long as something holds it.
static CURRENT: Mutex<Weak<NetThread>> = Mutex::new(Weak::new());

/// A thread with a tokio runtime. It ends, and is waited for, when the last one lets go of it.
#[derive(Debug)]
pub(crate) struct NetThread {
    handle: Handle,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl NetThread {
    /// The thread of this process, started if there is none.
    pub(crate) fn acquire() -> io::Result<Arc<NetThread>> {
        let mut current = lock(&CURRENT);
        if let Some(thread) = current.upgrade().filter(|thread| thread.is_running()) {
            return Ok(thread);
        }
        let thread = Arc::new(NetThread::start()?);
        *current = Arc::downgrade(&thread);
        Ok(thread)
    }

    fn start() -> io::Result<NetThread> {
        let runtime = RuntimeBuilder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = Builder::new().name("rust-enet".to_owned()).spawn(move || {
            // An error says that the sender is gone, which means the same.
            let _ = runtime.block_on(stopped);
        })?;
        let running = Mutex::new(Some(Running { stop, thread }));
        Ok(NetThread { handle, running })
    }

    /// What runs futures on it.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    fn is_running(&self) -> bool {
        lock(&self.running).is_some()
    }

    fn stop(&self) {
        let running = lock(&self.running).take();
        if let Some(Running { stop, thread }) = running {
            let _ = stop.send(());
            // It has printed its panic, if it had one.
            let _ = thread.join();
        }
    }
}

impl Drop for NetThread {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ends the thread if scripts have left something that holds it: the code it runs is about to be unloaded.
pub(crate) fn stop() {
    let current = lock(&CURRENT).upgrade();
    if let Some(thread) = current {
        thread.stop();
    }
}
