//! When to send what tasks have queued although they do not wait yet.
//!
//! What a task answers leaves when it waits, so as to share datagrams. In a stream to one peer both sides would take turns by that: one
//! has nothing to do until the other has gone through all that it was sent. So there some of it leaves earlier. Where there are several
//! receivers it does not: each would get more and smaller datagrams, and the others are at work meanwhile.

use enet_proto::PeerHandle;

/// After so many packets that tasks have taken what they have queued is sent.
const TAKEN_TO_SEND: usize = 32;

/// So many bytes that tasks have queued are sent at once: a dozen full datagrams, which are worth a system call.
const QUEUED_TO_SEND: usize = 16 * 1024;

/// What a packet counts for beside its bytes: about its headers.
const PACKET_OVERHEAD: usize = 8;

/// What tasks have done since something was sent.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    receivers: Receivers,
    taken: usize,
    queued: usize,
}

/// For whom something was queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Receivers {
    #[default]
    None,
    One(PeerHandle),
    Several,
}

impl Ahead {
    /// A task has taken a packet. Whether to send now.
    pub(super) fn took(&mut self) -> bool {
        self.taken += 1;
        self.taken >= TAKEN_TO_SEND && matches!(self.receivers, Receivers::One(_))
    }

    /// A task has queued a packet of so many bytes. Whether to send now.
    pub(super) fn queued(&mut self, peer: PeerHandle, bytes: usize) -> bool {
        self.receivers = match self.receivers {
            Receivers::None => Receivers::One(peer),
            Receivers::One(known) if known == peer => Receivers::One(peer),
            _ => Receivers::Several,
        };
        self.queued = self.queued.saturating_add(bytes.saturating_add(PACKET_OVERHEAD));
        self.queued >= QUEUED_TO_SEND && self.receivers == Receivers::One(peer)
    }

    /// Something is sent.
    pub(super) fn sent(&mut self) {
        *self = Ahead::default();
    }
}

#[cfg(test)]
mod tests {
    use enet_proto::{Host, HostConfig, Time};

    use super::*;

    fn peers() -> [PeerHandle; 2] {
        let mut host = Host::new(HostConfig::default(), [1; 32], Time::ZERO);
        [1, 2].map(|last| match host.connect(([127, 0, 0, last], 1).into(), 1, 0) {
            Ok(peer) => peer,
            Err(error) => panic!("{error}"),
        })
    }

    #[test]
    fn a_stream_to_one_peer_does_not_wait_for_the_end() {
        let [peer, _] = peers();
        let mut ahead = Ahead::default();
        let packets = (1..).find(|_| ahead.queued(peer, 1000));
        assert_eq!(packets, Some(QUEUED_TO_SEND.div_ceil(1008)));
        ahead.sent();
        assert!(!ahead.queued(peer, 10));
        assert_eq!((1..).find(|_| ahead.took()), Some(TAKEN_TO_SEND));
    }

    #[test]
    fn what_goes_to_several_waits_and_so_does_nothing() {
        let [one, other] = peers();
        let mut ahead = Ahead::default();
        assert!(!(0..1000).any(|_| ahead.took()), "there is nothing to send");
        ahead.sent();
        ahead.queued(one, 10);
        assert!(!(0..1000).any(|_| ahead.queued(other, 1000) || ahead.queued(one, 1000) || ahead.took()));
    }
}
