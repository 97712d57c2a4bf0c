//! Packets across the border to Godot, which speaks of them in pointers.

use enet_tokio::Bytes;
use godot::global::Error;
use godot::meta::conv::RawPtr;

/// Answers Godot's question for a packet with one that stays where it is. Godot copies nothing: it reads the packet after the
/// call, until its handler of it has ended.
///
/// # Safety
/// `r_buffer` and `r_buffer_size` must be valid for writing, and `packet` must live until Godot asks for another.
pub(crate) unsafe fn answer_with(
    packet: &Bytes,
    r_buffer: RawPtr<*mut RawPtr<*const u8>>,
    r_buffer_size: RawPtr<*mut i32>,
) -> Error {
    let Ok(size) = i32::try_from(packet.len()) else {
        return Error::ERR_OUT_OF_MEMORY;
    };
    // SAFETY: as demanded of the caller; the pointer is not read through here.
    unsafe {
        *r_buffer.ptr() = RawPtr::new(packet.as_ptr());
        *r_buffer_size.ptr() = size;
    }
    Error::OK
}

/// Copies a packet that Godot shows.
///
/// # Safety
/// `p_buffer` must be valid for reading `p_buffer_size` bytes, unless that is not above zero.
pub(crate) unsafe fn read_from(p_buffer: RawPtr<*const u8>, p_buffer_size: i32) -> Bytes {
    let pointer = p_buffer.ptr();
    match usize::try_from(p_buffer_size) {
        Ok(size) if size > 0 && !pointer.is_null() => {
            // SAFETY: as demanded of the caller.
            let bytes = unsafe { std::slice::from_raw_parts(pointer, size) };
            Bytes::copy_from_slice(bytes)
        }
        _ => Bytes::new(),
    }
}
