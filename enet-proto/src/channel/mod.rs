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

/// Both sides of one channel.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
}

/// The numbers given or delivered last in one direction of a channel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) reliable: Position,
    /// Since that reliable one.
    pub(crate) unreliable: u16,
}

impl Numbers {
    /// How many fragments the next packet may have. With more, the last of them would be too far ahead for a stock receiver, which
    /// leaves such numbers unacknowledged and so never completes the packet.
    pub(crate) fn most_fragments(self) -> u32 {
        self.reliable.reach() as u32
    }

    /// Whether unreliable packets go reliably until the next reliable one.
    pub(crate) fn is_out_of_unreliable(self) -> bool {
        self.unreliable == u16::MAX
    }
}

/// A channel that has been used.
#[derive(Debug)]
struct Place {
    number: u8,
    /// None while nothing is queued, on its way or half received, so that the numbers are all there is to it.
    channel: Option<Box<Channel>>,
    /// The numbers of one that sleeps.
    incoming: Numbers,
    outgoing: Numbers,
}

impl Place {
    fn new(number: u8) -> Place {
        Place {
            number,
            channel: None,
            incoming: Numbers::default(),
            outgoing: Numbers::default(),
        }
    }

    /// What is to be there when something happens on it.
    #[cold]
    #[inline(never)]
    fn waken(incoming: Numbers, outgoing: Numbers) -> Box<Channel> {
        let mut channel = Box::<Channel>::default();
        channel.incoming.go_on_after(incoming);
        channel.outgoing.go_on_after(outgoing);
        channel
    }

    /// Takes note of the numbers, and out what else there is, if nothing is under way.
    fn sleep_if_quiet(&mut self) -> Option<Box<Channel>> {
        let is_quiet = |channel: &mut Box<Channel>| channel.incoming.is_quiet() && channel.outgoing.is_quiet();
        let channel = self.channel.take_if(is_quiet)?;
        self.incoming = channel.incoming.latest();
        self.outgoing = channel.outgoing.latest();
        Some(channel)
    }
}

/// Room for so many commands on their way may be left unused in the channels of one peer, all together: enough that a few channels
/// which carry a burst now and then need not ask for memory each time. Beyond it each keeps no more than it uses.
const SPARE_ROOM: usize = 256;

/// So many channels of a busy peer stay awake when they become quiet, so that the next packet need not wake them.
const AWAKE: usize = 8;

/// The channels of one connection that have been used, by number, and the memory that they take.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    places: Vec<Place>,
    /// How many of them are awake.
    awake: usize,
    /// For how many commands on their way these have room, and how many there are.
    room: usize,
    on_their_way: usize,
    /// What the host's total counts for this.
    counted: usize,
}

impl Channels {
    /// The channel if something is queued, on its way or half received.
    pub(crate) fn get_mut(&mut self, number: u8) -> Option<&mut Channel> {
        let index = self.index(number).ok()?;
        self.places[index].channel.as_deref_mut()
    }

    /// The same, to look at.
    pub(crate) fn get(&self, number: u8) -> Option<&Channel> {
        self.place(number)?.channel.as_deref()
    }

    /// The channel, made or woken now if need be.
    pub(crate) fn entry(&mut self, number: u8) -> &mut Channel {
        let index = self.index(number).unwrap_or_else(|index| {
            self.places.insert(index, Place::new(number));
            index
        });
        let Channels { places, awake, .. } = self;
        let place = &mut places[index];
        place.channel.get_or_insert_with(|| {
            *awake += 1;
            Place::waken(place.incoming, place.outgoing)
        })
    }

    /// The numbers received last.
    pub(crate) fn received(&self, number: u8) -> Numbers {
        let numbers = |place: &Place| match &place.channel {
            Some(channel) => channel.incoming.latest(),
            None => place.incoming,
        };
        self.place(number).map(numbers).unwrap_or_default()
    }

    /// The numbers given last.
    pub(crate) fn given(&self, number: u8) -> Numbers {
        let numbers = |place: &Place| match &place.channel {
            Some(channel) => channel.outgoing.latest(),
            None => place.outgoing,
        };
        self.place(number).map(numbers).unwrap_or_default()
    }

    /// Notes a command of a channel as sent for the first time.
    pub(crate) fn sent(&mut self, number: u8, position: Position, command: InFlight) {
        self.room += self.entry(number).outgoing.sent(position, command);
        self.on_their_way += 1;
    }

    /// Takes out the command that an acknowledgement names, if it left at that time.
    pub(crate) fn acknowledge(&mut self, number: u8, wire: u16, sent_time: u16) -> Option<Acknowledged> {
        let outgoing = &mut self.get_mut(number)?.outgoing;
        let acknowledged = outgoing.acknowledge(wire, sent_time)?;
        self.on_their_way -= acknowledged.freed_slots;
        if self.room - self.on_their_way > SPARE_ROOM
            && let Some(channel) = self.get_mut(number)
        {
            self.room -= channel.outgoing.give_back();
        }
        self.rest(number);
        Some(acknowledged)
    }

    /// Keeps of a channel the numbers alone, if nothing is under way on it and enough others are awake.
    #[inline]
    pub(crate) fn rest(&mut self, number: u8) {
        if self.awake > AWAKE
            && let Ok(index) = self.index(number)
            && let Some(channel) = self.places[index].sleep_if_quiet()
        {
            self.awake -= 1;
            self.room -= channel.outgoing.room();
        }
    }

    /// Drops everything queued, on its way and half received; numbers go on.
    pub(crate) fn clear(&mut self, inbox: &mut Inbox) {
        for channel in self.places.iter_mut().filter_map(|place| place.channel.as_deref_mut()) {
            channel.incoming.clear(inbox);
            channel.outgoing.clear();
        }
        self.room = 0;
        self.on_their_way = 0;
    }

    /// Nothing is under way, and hardly anything will be for a while: keeps the numbers alone.
    pub(crate) fn sleep(&mut self) {
        if self.awake == 0 {
            return;
        }
        for place in &mut self.places {
            place.sleep_if_quiet();
            debug_assert!(place.channel.is_none(), "something is under way");
        }
        self.awake = 0;
        self.room = 0;
        self.on_their_way = 0;
    }

    /// Brings a total of what is [counted](Self::counted) up to date.
    pub(crate) fn count(&mut self, total: &mut usize) {
        let takes = self.places.capacity() * size_of::<Place>()
            + self.awake * size_of::<Channel>()
            + (self.room - self.on_their_way) * SLOT_COST;
        *total = *total + takes - self.counted;
        self.counted = takes;
    }

    /// What the host's total counts for the channels and the room in them that is not used.
    pub(crate) fn counted(&self) -> usize {
        self.counted
    }

    fn place(&self, number: u8) -> Option<&Place> {
        self.places.get(self.index(number).ok()?)
    }

    fn index(&self, number: u8) -> Result<usize, usize> {
        // Most connections use their first few channels, and those one after the other.
        let likely = usize::from(number);
        if self.places.get(likely).is_some_and(|place| place.number == number) {
            return Ok(likely);
        }
        self.places.binary_search_by_key(&number, |place| place.number)
    }
}
