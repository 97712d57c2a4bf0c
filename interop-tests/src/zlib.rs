//! The original zlib, which Godot has and whose choices no other implementation shares.

use std::ffi::c_int;

/// Compresses on the usual level; `None` if that takes more than `limit` bytes.
#[must_use]
pub fn compress(input: &[u8], limit: usize) -> Option<Vec<u8>> {
    const USUAL: c_int = -1;
    let mut output = vec![0; limit];
    let mut length = limit.try_into().ok()?;
    // SAFETY: both slices are as long as said.
    let result = unsafe {
        libz_sys::compress2(
            output.as_mut_ptr(),
            &raw mut length,
            input.as_ptr(),
            input.len().try_into().ok()?,
            USUAL,
        )
    };
    output.truncate(length.try_into().ok()?);
    (result == libz_sys::Z_OK).then_some(output)
}
