//! What stands in for [bad networks](crate::Config) where they are not compiled in: datagrams go past it.

use bytes::Bytes;
use enet_proto::{Path, Time};

use crate::config::Config;

/// No bad network; it has the same contract.
#[derive(Debug)]
pub(crate) struct Impairment;

impl Impairment {
    pub(crate) fn of(_config: &Config) -> Impairment {
        Impairment
    }

    pub(crate) fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn arrive(&mut self, _now: Time, _path: Path, datagram: Bytes) -> Option<Bytes> {
        Some(datagram)
    }

    pub(crate) fn next_incoming(&mut self, _now: Time) -> Option<(Path, Bytes)> {
        None
    }

    /// Is not called as long as none [is on](Impairment::is_on).
    pub(crate) fn depart(&mut self, _now: Time, _path: Path, _datagram: Bytes) {}

    pub(crate) fn next_outgoing(&mut self, _now: Time) -> Option<(Path, Bytes)> {
        None
    }

    pub(crate) fn hurry_outgoing(&mut self) -> Option<(Path, Bytes)> {
        None
    }

    pub(crate) fn is_sending(&self) -> bool {
        false
    }

    pub(crate) fn next_at(&self) -> Option<Time> {
        None
    }
}
