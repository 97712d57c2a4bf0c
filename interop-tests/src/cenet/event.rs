//! What a host tells its program.

use std::ops::Deref;
use std::ptr::NonNull;
use std::slice;

use bytes::Bytes;

use super::ffi::{self, RawPacket};
use super::host::{Flags, Peer};

/// What happened; `D` holds the bytes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<D = Bytes> {
    /// A peer is connected; `data` is what its CONNECT carried.
    Connected {
        /// Which.
        peer: Peer,
        /// The number.
        data: u32,
    },
    /// A peer has gone.
    Disconnected {
        /// Which.
        peer: Peer,
        /// What its notice carried, 0 for a timeout.
        data: u32,
    },
    /// A packet came.
    Received {
        /// From whom.
        peer: Peer,
        /// On which channel.
        channel: u8,
        /// Its bytes.
        data: D,
        /// How it was sent.
        flags: Flags,
    },
}

/// A packet where the library has put it.
#[derive(Debug)]
pub struct Lent {
    packet: NonNull<RawPacket>,
    data: *const u8,
    length: usize,
}

impl Lent {
    /// Takes over a packet and tells how it was sent.
    ///
    /// # Safety
    /// The packet is live, and nobody else has it.
    pub(super) unsafe fn new(packet: *mut RawPacket) -> (Lent, Flags) {
        let packet = NonNull::new(packet).expect("a packet");
        let (mut length, mut flags) = (0, 0);
        // SAFETY: the packet is live, and the pointers are to locals of the right types.
        let data = unsafe { ffi::shim_packet_data(packet.as_ptr(), &raw mut length, &raw mut flags) };
        (Lent { packet, data, length }, Flags(flags))
    }
}

impl Deref for Lent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the packet is ours and not changed any more; its data is as long as it says.
        unsafe { slice::from_raw_parts(self.data, self.length) }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: a receive event's packet is its receiver's to destroy, which happens here alone.
        unsafe { ffi::enet_packet_destroy(self.packet.as_ptr()) }
    }
}
