//! ENet's functions and those of `shim.c`, as C has them.

use std::ffi::{c_int, c_void};

#[repr(C)]
pub(super) struct RawHost {
    _opaque: [u8; 0],
}

#[repr(C)]
pub(super) struct RawPeer {
    _opaque: [u8; 0],
}

#[repr(C)]
pub(super) struct RawPacket {
    _opaque: [u8; 0],
}

/// Context, whether to compress, input and its length, output and its limit; the bytes written, 0 for none.
pub(super) type RawCodec = unsafe extern "C" fn(*mut c_void, c_int, *const u8, usize, *mut u8, usize) -> usize;

/// Host and event; 1 if the datagram is not for ENet, else 0.
pub(super) type RawIntercept = unsafe extern "C" fn(*mut RawHost, *mut c_void) -> c_int;

unsafe extern "C" {
    pub(super) safe fn enet_linked_version() -> u32;
    pub(super) fn enet_host_destroy(host: *mut RawHost);
    pub(super) fn enet_host_flush(host: *mut RawHost);
    pub(super) fn enet_host_bandwidth_limit(host: *mut RawHost, incoming: u32, outgoing: u32);
    pub(super) fn enet_host_channel_limit(host: *mut RawHost, limit: usize);
    pub(super) fn enet_host_compress(host: *mut RawHost, compressor: *const c_void);
    pub(super) fn enet_host_compress_with_range_coder(host: *mut RawHost) -> c_int;
    pub(super) fn enet_peer_disconnect(peer: *mut RawPeer, data: u32);
    pub(super) fn enet_peer_disconnect_later(peer: *mut RawPeer, data: u32);
    pub(super) fn enet_peer_disconnect_now(peer: *mut RawPeer, data: u32);
    pub(super) fn enet_peer_reset(peer: *mut RawPeer);
    pub(super) fn enet_peer_ping(peer: *mut RawPeer);
    pub(super) fn enet_peer_ping_interval(peer: *mut RawPeer, milliseconds: u32);
    pub(super) fn enet_peer_timeout(peer: *mut RawPeer, limit: u32, minimum: u32, maximum: u32);
    pub(super) fn enet_peer_throttle_configure(peer: *mut RawPeer, interval: u32, up: u32, down: u32);
    pub(super) fn enet_packet_destroy(packet: *mut RawPacket);
    pub(super) safe fn enet_range_coder_create() -> *mut c_void;
    pub(super) fn enet_range_coder_destroy(coder: *mut c_void);
    pub(super) fn enet_range_coder_decompress(
        coder: *mut c_void,
        input: *const u8,
        length: usize,
        output: *mut u8,
        limit: usize,
    ) -> usize;

    pub(super) safe fn shim_initialize() -> c_int;
    pub(super) fn shim_allocations(count: *mut u64, live: *mut i64);
    pub(super) fn shim_host_create(
        bound: c_int,
        ip: u32,
        port: u16,
        peers: usize,
        channels: usize,
        incoming: u32,
        outgoing: u32,
    ) -> *mut RawHost;
    pub(super) fn shim_host_port(host: *const RawHost) -> c_int;
    pub(super) fn shim_host_checksum(host: *mut RawHost, on: c_int);
    pub(super) fn shim_host_limits(host: *mut RawHost, duplicate_peers: usize, packet_size: usize, waiting_data: usize);
    pub(super) fn shim_host_mtu(host: *mut RawHost, mtu: u32);
    pub(super) fn shim_host_totals(host: *const RawHost, totals: *mut [u64; 4]);
    pub(super) fn shim_host_intercept(host: *mut RawHost, call: Option<RawIntercept>);
    pub(super) fn shim_host_received(
        host: *const RawHost,
        ip: *mut u32,
        port: *mut u16,
        length: *mut usize,
    ) -> *const u8;
    pub(super) fn shim_host_send_raw(host: *mut RawHost, ip: u32, port: u16, data: *const u8, length: usize) -> c_int;
    pub(super) fn shim_host_peer_count(host: *const RawHost) -> usize;
    pub(super) fn shim_host_peer(host: *mut RawHost, index: usize) -> *mut RawPeer;
    pub(super) fn shim_peer_index(peer: *const RawPeer) -> usize;
    pub(super) fn shim_host_connect(host: *mut RawHost, ip: u32, port: u16, channels: usize, data: u32)
    -> *mut RawPeer;
    pub(super) fn shim_host_service(
        host: *mut RawHost,
        timeout: u32,
        peer: *mut usize,
        channel: *mut u8,
        data: *mut u32,
        packet: *mut *mut RawPacket,
    ) -> c_int;
    pub(super) fn shim_packet_data(packet: *const RawPacket, length: *mut usize, flags: *mut u32) -> *const u8;
    pub(super) fn shim_peer_send(peer: *mut RawPeer, channel: u8, data: *const u8, length: usize, flags: u32) -> c_int;
    pub(super) fn shim_host_broadcast(host: *mut RawHost, channel: u8, data: *const u8, length: usize, flags: u32);
    pub(super) fn shim_peer_figure(peer: *const RawPeer, which: c_int) -> u32;
    pub(super) fn shim_host_compress(
        host: *mut RawHost,
        call: RawCodec,
        context: *mut c_void,
        drop: unsafe extern "C" fn(*mut c_void),
    ) -> c_int;
    pub(super) fn shim_range_compress(
        coder: *mut c_void,
        input: *const u8,
        length: usize,
        output: *mut u8,
        limit: usize,
    ) -> usize;
    pub(super) fn shim_crc32(data: *const u8, length: usize) -> u32;
}
