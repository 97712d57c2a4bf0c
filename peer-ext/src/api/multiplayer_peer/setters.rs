//! The setters of the properties.
//!
//! Godot calls those that take `Gd<Self>`, which never wait for a borrow, nor fail for one, whatever other threads do. `#[var]`
//! knows setters that take `&mut self` only, and finds their name in Godot by their own: both are here, and do the same.

use std::mem;
use std::time::Duration;

use godot::prelude::*;

use super::{__godot_RustENetMultiplayerPeer_Funcs, RustENetMultiplayerPeer};
use crate::api::conditions;
use crate::api::enums::FullQueue;

macro_rules! setters {
    ($($setter:ident($type:ty) = $called:ident, $change:ident;)+) => {
        impl RustENetMultiplayerPeer {
            $(pub(super) fn $setter(&mut self, value: $type) {
                self.$change(value);
            })+
        }

        #[allow(non_upper_case_globals)]
        impl __godot_RustENetMultiplayerPeer_Funcs {
            $(pub(super) const $setter: &str = Self::$called;)+
        }
    };
}

setters! {
    set_allow_large_servers(bool) = put_allow_large_servers, change_allow_large_servers;
    set_max_queued_bytes(i64) = put_max_queued_bytes, change_max_queued_bytes;
    set_full_queue(i64) = put_full_queue, change_full_queue;
    set_stale_after_ms(i64) = put_stale_after_ms, change_stale_after_ms;
    set_doubt_disconnects(bool) = put_doubt_disconnects, change_doubt_disconnects;
    set_network_conditions(VarDictionary) = put_network_conditions, change_network_conditions;
}

impl RustENetMultiplayerPeer {
    pub(super) fn change_allow_large_servers(&self, allow: bool) {
        self.state().options.large_servers = allow;
    }

    pub(super) fn change_max_queued_bytes(&self, bytes: i64) {
        match usize::try_from(bytes) {
            Ok(bytes) if bytes > 0 => self.state().options.max_queued = bytes,
            _ => godot_error!("max_queued_bytes must be above 0, not {bytes}."),
        }
    }

    pub(super) fn change_full_queue(&self, what: i64) {
        match FullQueue(what) {
            what @ (FullQueue::AUTO | FullQueue::REFUSE | FullQueue::DISCONNECT) => {
                self.state().options.full_queue = what;
            }
            FullQueue(other) => godot_error!("full_queue must be one of the constants FULL_QUEUE_*, not {other}."),
        }
    }

    /// Milliseconds; 0 for ever.
    pub(super) fn stale_after(&self) -> i64 {
        match self.state().options.freshness.ordered {
            Duration::MAX => 0,
            limit => i64::try_from(limit.as_millis()).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn change_stale_after_ms(&self, milliseconds: i64) {
        let limit = match u64::try_from(milliseconds) {
            Ok(0) => Duration::MAX,
            Ok(limit) => Duration::from_millis(limit),
            Err(_) => return godot_error!("stale_after_ms must not be below 0, as {milliseconds} is."),
        };
        let mut state = self.state();
        state.options.freshness.ordered = limit;
        for host in state.session.iter().flat_map(|session| session.hosts.values()) {
            host.link.set_freshness(state.options.freshness);
        }
    }

    pub(super) fn change_doubt_disconnects(&self, doubt: bool) {
        self.state().options.doubt_disconnects = doubt;
    }

    pub(super) fn change_network_conditions(&self, given: VarDictionary) {
        let read = match conditions::read(&given) {
            Ok(read) => read,
            Err(wrong) => return godot_error!("Network conditions: {wrong}."),
        };
        let given = given.duplicate_deep();
        let before = {
            let mut state = self.state();
            for host in state.session.iter().flat_map(|session| session.hosts.values()) {
                host.link.set_conditions(read.clone());
            }
            state.options.conditions = read;
            mem::replace(&mut state.options.conditions_given, given)
        };
        drop(before);
    }
}
