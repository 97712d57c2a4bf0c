//! The library's range coder and checksum by themselves, and compressors of the program's in its hosts.

use std::ffi::{c_int, c_void};
use std::panic::{self, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::slice;

use super::ffi::{self, RawHost};

/// ENet's own compressor.
#[derive(Debug)]
pub struct RangeCoder {
    raw: NonNull<c_void>,
}

impl RangeCoder {
    /// Makes one; it can be used again and again.
    ///
    /// # Panics
    /// If there is no memory for it.
    #[must_use]
    pub fn new() -> RangeCoder {
        RangeCoder {
            raw: NonNull::new(ffi::enet_range_coder_create()).expect("memory for a range coder"),
        }
    }

    /// The compressed form of `input`; `None` if it would be longer than `limit`, or the input is empty.
    pub fn compress(&mut self, input: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut output = vec![0; limit];
        // SAFETY: the coder is live, input and output as long as said.
        let length = unsafe {
            ffi::shim_range_compress(
                self.raw.as_ptr(),
                input.as_ptr(),
                input.len(),
                output.as_mut_ptr(),
                limit,
            )
        };
        output.truncate(length);
        (length > 0).then_some(output)
    }

    /// The opened form of `input`; `None` if that is malformed or longer than `limit`.
    pub fn decompress(&mut self, input: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut output = vec![0; limit];
        // SAFETY: the coder is live, input and output as long as said.
        let length = unsafe {
            ffi::enet_range_coder_decompress(
                self.raw.as_ptr(),
                input.as_ptr(),
                input.len(),
                output.as_mut_ptr(),
                limit,
            )
        };
        output.truncate(length);
        (length > 0).then_some(output)
    }
}

impl Default for RangeCoder {
    fn default() -> RangeCoder {
        RangeCoder::new()
    }
}

impl Drop for RangeCoder {
    fn drop(&mut self) {
        // SAFETY: the coder is live, and not used after this.
        unsafe { ffi::enet_range_coder_destroy(self.raw.as_ptr()) }
    }
}

// SAFETY: a coder is memory of its own, with no ties to a thread.
unsafe impl Send for RangeCoder {}

/// ENet's checksum over bytes, in the byte order of the wire.
#[must_use]
pub fn crc32(bytes: &[u8]) -> [u8; 4] {
    // SAFETY: read during the call only.
    unsafe { ffi::shim_crc32(bytes.as_ptr(), bytes.len()) }.to_ne_bytes()
}

type Function = Box<dyn FnMut(&[u8], usize) -> Option<Vec<u8>> + Send>;

struct Functions {
    compress: Function,
    decompress: Function,
}

/// Gives a live host a compressor.
pub(super) fn install(host: NonNull<RawHost>, compress: Function, decompress: Function) {
    let context = Box::into_raw(Box::new(Functions { compress, decompress }));
    // SAFETY: the host is live; the context is dropped by the library, once, when it has no more use for it.
    let result = unsafe { ffi::shim_host_compress(host.as_ptr(), call, context.cast(), drop_functions) };
    assert_eq!(result, 0, "memory for a compressor");
}

unsafe extern "C" fn call(
    context: *mut c_void,
    compress: c_int,
    input: *const u8,
    length: usize,
    output: *mut u8,
    limit: usize,
) -> usize {
    // SAFETY: the context is the one `install` made; the library calls from one thread at a time.
    let functions = unsafe { &mut *context.cast::<Functions>() };
    // SAFETY: the library gives as many bytes as it says.
    let input = if length == 0 {
        &[]
    } else {
        unsafe { slice::from_raw_parts(input, length) }
    };
    let function = if compress == 0 {
        &mut functions.decompress
    } else {
        &mut functions.compress
    };
    // A panic must not cross C: it counts as a failure to compress, and the test sees its message.
    let result = panic::catch_unwind(AssertUnwindSafe(|| function(input, limit)));
    match result {
        Ok(Some(bytes)) if bytes.len() <= limit => {
            // SAFETY: the library has room for `limit` bytes there.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), output, bytes.len()) };
            bytes.len()
        }
        _ => 0,
    }
}

unsafe extern "C" fn drop_functions(context: *mut c_void) {
    // SAFETY: the context is the one `install` made, and the library lets go of it once.
    drop(unsafe { Box::from_raw(context.cast::<Functions>()) });
}
