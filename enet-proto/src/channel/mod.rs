//! The order of things in one channel, each side for itself.

mod in_flight;
mod inbox;
mod incoming;
mod outgoing;
mod reassembly;
mod sequence;
mod unsequenced;

pub(crate) use in_flight::{Acknowledged, InFlight, Payload, SLOT_COST};
pub(crate) use inbox::{Delivery, ITEM_COST, Inbox, cost as inbox_cost};
use incoming::Incoming;
pub(crate) use incoming::Taken;
pub(crate) use outgoing::{Outgoing, QueuedReliable};
pub(crate) use sequence::Position;
pub(crate) use unsequenced::UnsequencedWindow;

/// Both sides of one channel. Made when the channel is first used.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
}

/// The channels of one connection that have been used, by number.
#[derive(Debug, Default)]
pub(crate) struct Channels(Vec<(u8, Box<Channel>)>);

impl Channels {
    /// The channel if it has been used.
    pub(crate) fn get_mut(&mut self, number: u8) -> Option<&mut Channel> {
        let index = self.index(number).ok()?;
        Some(&mut self.0[index].1)
    }

    /// The channel if it has been used, to look at.
    pub(crate) fn get(&self, number: u8) -> Option<&Channel> {
        let index = self.index(number).ok()?;
        Some(&self.0[index].1)
    }

    /// The channel, made now if it has not been used.
    pub(crate) fn entry(&mut self, number: u8) -> &mut Channel {
        let index = self.index(number).unwrap_or_else(|index| {
            self.0.insert(index, (number, Box::default()));
            index
        });
        &mut self.0[index].1
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Channel> {
        self.0.iter_mut().map(|(_, channel)| &mut **channel)
    }

    fn index(&self, number: u8) -> Result<usize, usize> {
        // Most connections use their first few channels, and those one after the other.
        let likely = usize::from(number);
        if self.0.get(likely).is_some_and(|(found, _)| *found == number) {
            return Ok(likely);
        }
        self.0.binary_search_by_key(&number, |(number, _)| *number)
    }
}
