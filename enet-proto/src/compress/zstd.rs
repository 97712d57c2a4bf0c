//! Zstandard, by the reference library behind the crate `zstd-safe`.
//!
//! That library opens a frame straight into the room it is given. A frame's header can ask for a window of gigabytes, and what
//! reads frames as streams, as `ruzstd` does, allocates it first. It also keeps its working memory, some hundred kilobytes for
//! each direction, between datagrams.

use zstd_safe::{CCtx, DCtx};

use super::{Compressor, append_with};

/// The default of Godot's project settings.
const LEVEL: i32 = 3;

/// See [`Compression::Zstd`](super::Compression::Zstd).
pub(super) struct Zstd {
    compress: CCtx<'static>,
    decompress: DCtx<'static>,
}

impl Zstd {
    pub(super) fn new() -> Zstd {
        Zstd {
            compress: CCtx::create(),
            decompress: DCtx::create(),
        }
    }
}

impl Compressor for Zstd {
    fn compress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        append_with(output, limit, |room| self.compress.compress(room, input, LEVEL).ok())
    }

    fn decompress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        append_with(output, limit, |room| self.decompress.decompress(room, input).ok())
    }
}
