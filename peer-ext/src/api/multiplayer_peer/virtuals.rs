//! What Godot calls.
//!
//! Nothing here borrows an object mutably: that would wait for other threads, or fail where a method is called while another one
//! runs. Hence `Gd<Self>`. The trait wants some with `&mut self` all the same; they come last, after those that Godot is given.
#![allow(unreachable_patterns)]

use std::collections::VecDeque;

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
use crate::net::lock;

#[godot_api]
impl IMultiplayerPeerExtension for RustENetMultiplayerPeer {
    #[func(gd_self)]
    unsafe fn get_packet_rawptr(
        this: Gd<Self>,
        r_buffer: RawPtr<*mut RawPtr<*const u8>>,
        r_buffer_size: RawPtr<*mut i32>,
    ) -> Error {
        let me = this.bind();
        match me.take_packet() {
            // SAFETY: Godot passes two valid places for the answer. The packet stays until this thread asks for the next one: not
            // even `poll` or `close`, which a handler may call, frees it.
            Ok(packet) => unsafe { answer_with(lock(&me.handed_out).keep(packet), r_buffer, r_buffer_size) },
            Err(error) => error,
        }
    }

    #[func(gd_self)]
    unsafe fn put_packet_rawptr(this: Gd<Self>, p_buffer: RawPtr<*const u8>, p_buffer_size: i32) -> Error {
        // SAFETY: Godot passes a buffer of this size that is valid during the call.
        let data = unsafe { read_from(p_buffer, p_buffer_size) };
        Self::send(&this, &data)
    }

    #[func(gd_self)]
    fn get_packet_script(this: Gd<Self>) -> PackedByteArray {
        match this.bind().take_packet() {
            Ok(packet) => PackedByteArray::from(&packet[..]),
            Err(_) => PackedByteArray::new(),
        }
    }

    #[func(gd_self)]
    fn put_packet_script(this: Gd<Self>, p_buffer: PackedByteArray) -> Error {
        Self::send(&this, &Bytes::copy_from_slice(p_buffer.as_slice()))
    }

    fn get_available_packet_count(&self) -> i32 {
        let state = self.state();
        let count = state.session.as_ref().map_or(0, |session| session.packets.len());
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        MAX_PACKET_SIZE
    }

    fn get_packet_channel(&self) -> i32 {
        self.next_packet(|packet| packet.channel).unwrap_or(1)
    }

    fn get_packet_mode(&self) -> TransferMode {
        self.next_packet(|packet| packet.mode).unwrap_or(TransferMode::RELIABLE)
    }

    fn get_packet_peer(&self) -> i32 {
        self.next_packet(|packet| packet.from)
            .unwrap_or(PeerId::SERVER.number())
    }

    #[func(gd_self)]
    fn set_transfer_channel(this: Gd<Self>, p_channel: i32) {
        this.bind().state().transfer_channel = p_channel;
    }

    fn get_transfer_channel(&self) -> i32 {
        self.state().transfer_channel
    }

    #[func(gd_self)]
    fn set_transfer_mode(this: Gd<Self>, p_mode: TransferMode) {
        this.bind().state().transfer_mode = p_mode;
    }

    fn get_transfer_mode(&self) -> TransferMode {
        self.state().transfer_mode
    }

    #[func(gd_self)]
    fn set_target_peer(this: Gd<Self>, p_peer: i32) {
        this.bind().state().target = p_peer;
    }

    fn is_server(&self) -> bool {
        let state = self.state();
        state
            .session
            .as_ref()
            .is_some_and(|session| session.mode == Mode::Server)
    }

    #[func(gd_self)]
    fn poll(this: Gd<Self>) {
        this.bind().drive(&this);
    }

    #[func(gd_self)]
    fn close(this: Gd<Self>) {
        this.bind().end();
    }

    #[func(gd_self)]
    fn disconnect_peer(this: Gd<Self>, p_peer: i32, p_force: bool) {
        this.bind().dismiss(p_peer, p_force);
    }

    fn get_unique_id(&self) -> i32 {
        self.with_session(|session| session.id).unwrap_or(0)
    }

    #[func(gd_self)]
    fn set_refuse_new_connections(this: Gd<Self>, p_enable: bool) {
        this.bind().state().refusing = p_enable;
    }

    fn is_refusing_new_connections(&self) -> bool {
        self.state().refusing
    }

    fn is_server_relay_supported(&self) -> bool {
        let state = self.state();
        let session = state.session.as_ref();
        session.is_some_and(|session| matches!(session.mode, Mode::Server | Mode::Client))
    }

    fn get_connection_status(&self) -> ConnectionStatus {
        let state = self.state();
        let session = state.session.as_ref();
        session.map_or(ConnectionStatus::DISCONNECTED, |session| session.status)
    }

    fn set_transfer_channel(&mut self, p_channel: i32) {
        self.state().transfer_channel = p_channel;
    }

    fn set_transfer_mode(&mut self, p_mode: TransferMode) {
        self.state().transfer_mode = p_mode;
    }

    fn set_target_peer(&mut self, p_peer: i32) {
        self.state().target = p_peer;
    }

    fn poll(&mut self) {
        self.drive(&self.to_gd());
    }

    fn close(&mut self) {
        self.end();
    }

    fn disconnect_peer(&mut self, p_peer: i32, p_force: bool) {
        self.dismiss(p_peer, p_force);
    }
}

impl RustENetMultiplayerPeer {
    fn next_packet<R>(&self, look: impl FnOnce(&Received) -> R) -> Option<R> {
        let seen = self.with_session(|session| session.packets.front().map(look))?;
        if seen.is_none() {
            godot_error!("There is no packet to look at.");
        }
        seen
    }

    fn take_packet(&self) -> Result<Bytes, Error> {
        let packet = {
            let mut state = self.state();
            let packets = state.session.as_mut().map(|session| &mut session.packets);
            packets.and_then(VecDeque::pop_front)
        };
        packet.map(|packet| packet.data).ok_or_else(|| {
            godot_error!("There is no packet to take.");
            Error::ERR_UNAVAILABLE
        })
    }
}
