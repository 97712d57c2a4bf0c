//! A host of this workspace, on a real socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use enet_proto::{Event, HostConfig};
use enet_tokio::{Config, EventEndpoint, Intercept};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::driver::Serve;

/// An endpoint and what runs it. Nothing happens but in [`Serve::serve`].
#[derive(Debug)]
pub struct Ours {
    runtime: Runtime,
    /// The endpoint.
    pub endpoint: EventEndpoint,
}

impl Ours {
    /// An endpoint on a free port of an address.
    ///
    /// # Panics
    /// If there is none to be had.
    #[must_use]
    pub fn new(address: Ipv4Addr, host: HostConfig, intercept: Option<Intercept>) -> Ours {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut config = Config::default().with_host(|settings| *settings = host);
        config.intercept = intercept;
        let address = SocketAddr::from((address, 0));
        let endpoint = runtime.block_on(EventEndpoint::bind(address, config)).expect("a port");
        Ours { runtime, endpoint }
    }
}

impl Serve for Ours {
    type Event = Event;

    fn serve(&mut self) -> Option<Event> {
        let tick = Duration::from_millis(1);
        self.runtime.block_on(async {
            match timeout(tick, self.endpoint.next_event()).await {
                Ok(Some(event)) => Some(event),
                Ok(None) => {
                    // The endpoint has ended.
                    sleep(tick).await;
                    None
                }
                Err(_) => None,
            }
        })
    }
}
