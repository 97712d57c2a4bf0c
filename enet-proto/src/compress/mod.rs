//! Compression of the commands of a datagram, as one block.

/// Compresses and opens the command block of one datagram.
///
/// Both sides of a connection must use the same kind.
pub trait Compressor: Send {
    /// Appends the compressed form of `input` to `output`; false if it does not fit in `limit` bytes, then what was appended
    /// does not count and the datagram goes plain.
    fn compress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool;

    /// Appends the opened form of `input`, at most `limit` bytes, to `output`; false if it is malformed, empty or longer, then
    /// what was appended does not count.
    fn decompress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool;
}
