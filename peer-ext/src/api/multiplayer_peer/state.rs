//! What a multiplayer peer has, behind its lock.

use std::net::IpAddr;
use std::sync::MutexGuard;
use std::time::Duration;

use enet_tokio::NetworkConditions;
use godot::classes::multiplayer_peer::TransferMode;
use godot::prelude::*;

use super::RustENetMultiplayerPeer;
use super::session::{Farewells, Session};
use crate::api::connection::MAX_QUEUED;
use crate::api::enums::FullQueue;
use crate::net::{Encryption, Freshness, Trust, lock};

/// How long unreliable packets that are in order may wait for `poll`, if nothing else is said.
const STALE_AFTER: Duration = Duration::from_secs(1);

/// How many unreliable packets of each peer, channel and mode may wait for `poll`.
const MAX_WAITING: usize = 2048;

/// All of a multiplayer peer.
pub(super) struct State {
    pub(super) session: Option<Session>,
    /// Grows with each session that begins or ends, so that one notices that a signal's handler ended it.
    pub(super) generation: u64,
    pub(super) polls: u64,
    pub(super) bind_ip: Option<IpAddr>,
    pub(super) target: i32,
    pub(super) transfer_channel: i32,
    pub(super) transfer_mode: TransferMode,
    pub(super) refusing: bool,
    pub(super) farewells: Farewells,
    pub(super) options: Options,
}

/// What stock peers do not have, and what holds for sessions to come as well.
pub(super) struct Options {
    pub(super) large_servers: bool,
    /// As they were given.
    pub(super) conditions_given: VarDictionary,
    pub(super) conditions: NetworkConditions,
    /// How many bytes may be queued for one peer.
    pub(super) max_queued: usize,
    pub(super) full_queue: FullQueue,
    pub(super) freshness: Freshness,
    pub(super) doubt_disconnects: bool,
    pub(super) server_encryption: Option<Encryption>,
    pub(super) client_trust: Option<Trust>,
}

impl Default for State {
    fn default() -> State {
        State {
            session: None,
            generation: 0,
            polls: 0,
            bind_ip: None,
            target: 0,
            transfer_channel: 0,
            transfer_mode: TransferMode::RELIABLE,
            refusing: false,
            farewells: Farewells::default(),
            options: Options {
                large_servers: false,
                conditions_given: VarDictionary::new(),
                conditions: NetworkConditions::default(),
                max_queued: MAX_QUEUED,
                full_queue: FullQueue::AUTO,
                freshness: Freshness {
                    ordered: STALE_AFTER,
                    packets: MAX_WAITING,
                },
                doubt_disconnects: true,
                server_encryption: None,
                client_trust: None,
            },
        }
    }
}

impl RustENetMultiplayerPeer {
    /// All of it, for a moment: see [`net`](crate::net) for what must not happen meanwhile.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Looks at the session, or acts on it; an error line if there is none.
    pub(super) fn with_session<R>(&self, act: impl FnOnce(&mut Session) -> R) -> Option<R> {
        let result = self.state().session.as_mut().map(act);
        if result.is_none() {
            godot_error!("The multiplayer peer is not active.");
        }
        result
    }
}
