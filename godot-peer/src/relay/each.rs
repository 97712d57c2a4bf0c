//! Packets of the program that are another one for each receiver, such as calls by numbers that each has confirmed.

use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;
use enet_proto::PacketMode;

use super::{Output, SceneServer};
use crate::event::Departure;
use crate::transfer::Outgoing;
use crate::{PeerId, SendError, Target};

impl<K: Copy + Eq + Hash> SceneServer<K> {
    /// What can be called on a node of the program has this checksum (see
    /// [`Interface::checksum`](crate::scene::Interface::checksum)), or nobody knows. Clients that offer the node are told whether theirs
    /// is the same.
    pub fn set_checksum(&mut self, path: Arc<str>, checksum: Option<[u8; 32]>) {
        self.checksums.set(path, checksum);
    }

    /// Tells those who `target` stands for of others, as before a packet of the program for them.
    pub(crate) fn prepare_for(&mut self, target: Target) {
        match target {
            _ if !self.relaying => {}
            Target::One(id) => self.tell_all(id),
            Target::All | Target::AllBut(_) => self.tell_near(target),
        }
    }

    /// Counts a buffer that several receivers are to get.
    pub(crate) fn charge(&self, data: Bytes) -> Bytes {
        self.limits.ledger.charge(data)
    }

    /// Sends a packet to one of those who a packet is for; if there are several its buffer has been [charged](Self::charge). If too
    /// much waits for one of several it has to go, or the packet is left out, as with a packet for all of them.
    ///
    /// # Errors
    ///
    /// If it is for this one alone, and too much waits for it.
    pub(crate) fn send_one_of(&mut self, target: Target, to: PeerId, outgoing: &Outgoing) -> Result<(), SendError> {
        let is_reliable = outgoing.packet.mode == PacketMode::Reliable;
        let is_single = matches!(target, Target::One(_));
        let sent = self.give_counted(Target::One(to), outgoing, !is_single);
        if is_single {
            return sent;
        }
        if sent.is_err() {
            match self.roster.key(to) {
                // It would never know what it has missed.
                Some(key) if is_reliable => self.outputs.push_back(Output::Drop {
                    key,
                    reason: Departure::TooSlow,
                }),
                _ => self.statistics.unsent += 1,
            }
        }
        Ok(())
    }
}
