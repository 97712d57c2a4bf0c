//! What Godot calls.

use enet_tokio::Bytes;
use godot::classes::IMultiplayerPeerExtension;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;
use godot_peer::PeerId;

use super::RustENetMultiplayerPeer;
use super::buffers::{answer_with, read_from};
use super::session::{Mode, Received};
use crate::api::packet_peer::MAX_PACKET_SIZE;

#[godot_api]
impl IMultiplayerPeerExtension for RustENetMultiplayerPeer {
    unsafe fn get_packet_rawptr(
        &mut self,
        r_buffer: RawPtr<*mut RawPtr<*const u8>>,
        r_buffer_size: RawPtr<*mut i32>,
    ) -> Error {
        match self.hand_out() {
            // SAFETY: Godot passes two valid places for the answer. The packet stays until the next one is asked for: not even
            // `poll` or `close`, which a handler may call, frees it.
            Ok(packet) => unsafe { answer_with(packet, r_buffer, r_buffer_size) },
            Err(error) => error,
        }
    }

    unsafe fn put_packet_rawptr(&mut self, p_buffer: RawPtr<*const u8>, p_buffer_size: i32) -> Error {
        // SAFETY: Godot passes a buffer of this size that is valid during the call.
        let data = unsafe { read_from(p_buffer, p_buffer_size) };
        self.send(&data)
    }

    fn get_packet_script(&mut self) -> PackedByteArray {
        match self.hand_out() {
            Ok(packet) => PackedByteArray::from(&packet[..]),
            Err(_) => PackedByteArray::new(),
        }
    }

    fn put_packet_script(&mut self, p_buffer: PackedByteArray) -> Error {
        self.send(&Bytes::copy_from_slice(p_buffer.as_slice()))
    }

    fn get_available_packet_count(&self) -> i32 {
        let count = self.session.as_ref().map_or(0, |session| session.packets.len());
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        MAX_PACKET_SIZE
    }

    fn get_packet_channel(&self) -> i32 {
        self.next_packet().map_or(1, |packet| packet.channel)
    }

    fn get_packet_mode(&self) -> TransferMode {
        self.next_packet().map_or(TransferMode::RELIABLE, |packet| packet.mode)
    }

    fn get_packet_peer(&self) -> i32 {
        self.next_packet().map_or(PeerId::SERVER.number(), |packet| packet.from)
    }

    fn set_transfer_channel(&mut self, p_channel: i32) {
        self.transfer_channel = p_channel;
    }

    fn get_transfer_channel(&self) -> i32 {
        self.transfer_channel
    }

    fn set_transfer_mode(&mut self, p_mode: TransferMode) {
        self.transfer_mode = p_mode;
    }

    fn get_transfer_mode(&self) -> TransferMode {
        self.transfer_mode
    }

    fn set_target_peer(&mut self, p_peer: i32) {
        self.target = p_peer;
    }

    fn is_server(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.mode == Mode::Server)
    }

    fn poll(&mut self) {
        self.drive();
    }

    fn close(&mut self) {
        self.end();
    }

    fn disconnect_peer(&mut self, p_peer: i32, p_force: bool) {
        self.dismiss(p_peer, p_force);
    }

    fn get_unique_id(&self) -> i32 {
        self.active().map_or(0, |session| session.id)
    }

    fn set_refuse_new_connections(&mut self, p_enable: bool) {
        self.refusing = p_enable;
    }

    fn is_refusing_new_connections(&self) -> bool {
        self.refusing
    }

    fn is_server_relay_supported(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| matches!(session.mode, Mode::Server | Mode::Client))
    }

    fn get_connection_status(&self) -> ConnectionStatus {
        let session = self.session.as_ref();
        session.map_or(ConnectionStatus::DISCONNECTED, |session| session.status)
    }
}

impl RustENetMultiplayerPeer {
    fn next_packet(&self) -> Option<&Received> {
        let packet = self.active()?.packets.front();
        if packet.is_none() {
            godot_error!("There is no packet to look at.");
        }
        packet
    }

    fn hand_out(&mut self) -> Result<&Bytes, Error> {
        let packets = self.session.as_mut().map(|session| &mut session.packets);
        let packet = packets.and_then(std::collections::VecDeque::pop_front);
        let Some(packet) = packet else {
            godot_error!("There is no packet to take.");
            return Err(Error::ERR_UNAVAILABLE);
        };
        self.handed_out = packet.data;
        Ok(&self.handed_out)
    }
}
