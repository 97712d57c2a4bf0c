//! The zlib format, by flate2 and `miniz_oxide`, which are safe Rust.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::{Compressor, append_with};

/// See [`Compression::Zlib`](super::Compression::Zlib).
pub(super) struct Zlib {
    compress: Compress,
    decompress: Decompress,
}

impl Zlib {
    pub(super) fn new() -> Zlib {
        Zlib {
            compress: Compress::new(flate2::Compression::default(), true),
            decompress: Decompress::new(true),
        }
    }
}

impl Compressor for Zlib {
    fn compress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        self.compress.reset();
        append_with(output, limit, |room| {
            let status = self.compress.compress(input, room, FlushCompress::Finish).ok()?;
            (status == Status::StreamEnd).then(|| self.compress.total_out() as usize)
        })
    }

    fn decompress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        self.decompress.reset(true);
        append_with(output, limit, |room| {
            let status = self.decompress.decompress(input, room, FlushDecompress::Finish).ok()?;
            // What is behind the stream is ignored, as stock hosts do.
            (status == Status::StreamEnd).then(|| self.decompress.total_out() as usize)
        })
    }
}
