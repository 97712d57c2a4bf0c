//! What a receiver may and must get.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use interop_tests::payload::Payload;
use interop_tests::side::Delivery;

use crate::case::{Case, TRIALS};

/// The packet that is sent when all others have been; reliable, on each channel.
pub(crate) const LAST: &[u8] = b"that was all";

/// Watches over what one side receives.
pub(crate) struct Receiver {
    case: Case,
    channels: BTreeMap<u8, Channel>,
    /// Packets that came and might not have.
    pub(crate) lucky: u32,
    /// How the trials came, which are sent when all else is over.
    pub(crate) tried: HashSet<Delivery>,
}

/// The state of a channel.
struct Channel {
    /// Of those that come in order: one more than the number of the last.
    after: u32,
    /// The numbers that must come, in falling order.
    due: Vec<u32>,
    /// Of those that come in any order.
    seen: HashSet<u32>,
    /// How many empty packets came.
    empty: u32,
    over: bool,
}

/// The bytes of a packet: its number, as far as it goes, and a pattern that differs by it.
pub(crate) fn content(case: &Case, number: u32) -> Bytes {
    let size = case.size_of(number);
    let mut bytes = Payload::new(number, size).bytes().to_vec();
    let head = size.min(4);
    bytes[..head].copy_from_slice(&number.to_le_bytes()[..head]);
    bytes.into()
}

/// The channel of a packet.
pub(crate) fn channel_of(case: &Case, number: u32) -> u8 {
    let used = case.used_channels();
    used[number as usize % used.len()]
}

impl Receiver {
    /// Of all the packets of a case.
    pub(crate) fn new(case: Case) -> Receiver {
        Receiver::of(case, case.count())
    }

    /// Of nothing but the last.
    pub(crate) fn of_nothing(case: Case) -> Receiver {
        Receiver::of(case, 0)
    }

    fn of(case: Case, count: u32) -> Receiver {
        let channel = |channel| {
            let on_it = (0..count).filter(|&number| channel_of(&case, number) == channel);
            let due = on_it
                .filter(|&number| case.arrival(number) == Delivery::Reliable)
                .rev()
                .collect();
            Channel {
                after: 0,
                due,
                seen: HashSet::new(),
                empty: 0,
                over: false,
            }
        };
        Receiver {
            case,
            channels: case
                .used_channels()
                .into_iter()
                .map(|number| (number, channel(number)))
                .collect(),
            lucky: 0,
            tried: HashSet::new(),
        }
    }

    /// Whether the last packet of every channel has come.
    pub(crate) fn is_over(&self) -> bool {
        self.channels.values().all(|channel| channel.over)
    }

    /// Takes a packet, or says what is wrong with it.
    pub(crate) fn take(&mut self, channel: u8, data: &Bytes, delivery: Delivery) -> Result<(), String> {
        let case = self.case;
        let state = self
            .channels
            .get_mut(&channel)
            .ok_or_else(|| format!("a packet on channel {channel}"))?;
        if data == LAST {
            if state.over || delivery != Delivery::Reliable || !state.due.is_empty() {
                let due = state.due.len();
                return Err(format!(
                    "the end of channel {channel} came {delivery:?} with {due} still due"
                ));
            }
            state.over = true;
            return Ok(());
        }
        if data.is_empty() {
            let is_trial = state.over;
            state.take_empty(&case, channel, delivery)?;
            self.count(is_trial, delivery);
            return Ok(());
        }
        let mut number = [0; 4];
        let head = data.len().min(4);
        number[..head].copy_from_slice(&data[..head]);
        let number = u32::from_le_bytes(number);
        let size = data.len();
        let is_trial = number >= case.count();
        if number >= case.count() + TRIALS || channel_of(&case, number) != channel || *data != content(&case, number) {
            return Err(format!(
                "{size} bytes that claim to be packet {number} on channel {channel}"
            ));
        }
        if delivery != case.arrival(number) {
            return Err(format!("packet {number}, {size} bytes, came {delivery:?}"));
        }
        match delivery {
            Delivery::Reliable => {
                if state.due.pop() != Some(number) {
                    return Err(format!("reliable packet {number} on channel {channel} out of order"));
                }
                state.advance(number)?;
            }
            Delivery::Unsequenced | Delivery::UnsequencedFragments => {
                if !state.seen.insert(number) {
                    return Err(format!("packet {number} came twice"));
                }
            }
            Delivery::Unreliable | Delivery::UnreliableFragments => {
                if state.over && !is_trial {
                    return Err(format!("packet {number} came after a reliable one that was sent later"));
                }
                if let Some(due) = state.due.last().filter(|due| **due < number) {
                    return Err(format!("packet {number} came before reliable {due}"));
                }
                state.advance(number)?;
            }
        }
        self.count(is_trial, delivery);
        Ok(())
    }

    fn count(&mut self, is_trial: bool, delivery: Delivery) {
        if is_trial {
            self.tried.insert(delivery);
        } else if delivery != Delivery::Reliable {
            self.lucky += 1;
        }
    }
}

impl Channel {
    /// Empty packets have no number: they are only counted.
    fn take_empty(&mut self, case: &Case, channel: u8, delivery: Delivery) -> Result<(), String> {
        self.empty += 1;
        let trials = if self.over { TRIALS } else { 0 };
        let on_it = |number: &u32| channel_of(case, *number) == channel;
        let sent = (0..case.count() + trials).filter(on_it);
        if self.empty as usize > sent.clone().count() {
            return Err(format!("more empty packets on channel {channel} than were sent"));
        }
        if !sent.into_iter().any(|number| case.arrival(number) == delivery) {
            return Err(format!("an empty packet came {delivery:?}"));
        }
        if delivery == Delivery::Reliable {
            self.due.pop().ok_or("more reliable empty packets than were sent")?;
        }
        Ok(())
    }

    fn advance(&mut self, number: u32) -> Result<(), String> {
        if number < self.after {
            return Err(format!("packet {number} came after {}", self.after - 1));
        }
        self.after = number + 1;
        Ok(())
    }
}
