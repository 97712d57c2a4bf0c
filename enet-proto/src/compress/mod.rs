//! Compression of the commands of a datagram, as one block.
//!
//! Whether a datagram is compressed is said by a bit of its header; how, both sides must know beforehand. [`Compression`] names
//! the kinds that stock peers have: C ENet its range coder, Godot that and three others. A [`Compressor`] of one's own can be
//! given to a host as well.
//!
//! What comes from the network is opened into at most as many bytes as a datagram may have, whatever it claims; a block that is
//! malformed or opens to more is dropped with its datagram.

mod fastlz;
mod range_coder;
#[cfg(feature = "zlib")]
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

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

    /// How long one byte that [`decompress`](Compressor::decompress) gives out takes at worst, in units of some 10 ns: what it
    /// counts for in [`max_opened_per_second`](crate::HostConfig::max_opened_per_second). Default 1.
    fn cost(&self) -> usize {
        1
    }
}

/// The kinds of compression that stock peers know, by the names that Godot gives them.
///
/// All of them compress a datagram by itself, without memory of earlier ones, and keep their working memory between datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Datagrams go as they are.
    #[default]
    None,
    /// ENet's own: an adaptive model of the two bytes before, and a range coder. Best on small datagrams, and the slowest of
    /// these. The only one that C ENet has; what is compressed here is to the byte what C ENet makes of it.
    RangeCoder,
    /// Godot's mode `COMPRESS_FASTLZ`: repetitions of three bytes and more are replaced by references. The fastest.
    FastLz,
    /// Godot's mode `COMPRESS_ZLIB`: the zlib format, RFC 1950.
    #[cfg(feature = "zlib")]
    Zlib,
    /// Godot's mode `COMPRESS_ZSTD`: a Zstandard frame, RFC 8878.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// A name that is not one of a [`Compression`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name:?} is no compression; there are {}", names())]
pub struct UnknownCompression {
    name: String,
}

impl Compression {
    /// All kinds, [`Compression::None`] first. Zlib and zstd are there with the crate features of these names.
    pub const ALL: &'static [Compression] = &[
        Compression::None,
        Compression::RangeCoder,
        Compression::FastLz,
        #[cfg(feature = "zlib")]
        Compression::Zlib,
        #[cfg(feature = "zstd")]
        Compression::Zstd,
    ];

    /// A compressor of this kind, for [`Host::set_compressor`](crate::Host::set_compressor).
    #[must_use]
    pub fn compressor(self) -> Option<Box<dyn Compressor>> {
        match self {
            Compression::None => None,
            Compression::RangeCoder => Some(Box::new(range_coder::RangeCoder::new())),
            Compression::FastLz => Some(Box::new(fastlz::FastLz::new())),
            #[cfg(feature = "zlib")]
            Compression::Zlib => Some(Box::new(zlib::Zlib::new())),
            #[cfg(feature = "zstd")]
            Compression::Zstd => Some(Box::new(zstd::Zstd::new())),
        }
    }

    /// The name as on a command line, for example `range-coder`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::RangeCoder => "range-coder",
            Compression::FastLz => "fastlz",
            #[cfg(feature = "zlib")]
            Compression::Zlib => "zlib",
            #[cfg(feature = "zstd")]
            Compression::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Compression, UnknownCompression> {
        let found = Compression::ALL.iter().find(|kind| kind.name() == name);
        found
            .copied()
            .ok_or_else(|| UnknownCompression { name: name.to_owned() })
    }
}

fn names() -> String {
    let names: Vec<&str> = Compression::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

/// Gives `write` room for `limit` bytes at the end of `output` and keeps as many as it says it has written; none, and false, if
/// it failed or wrote nothing.
#[cfg(any(feature = "zlib", feature = "zstd"))]
fn append_with(output: &mut Vec<u8>, limit: usize, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
    let start = output.len();
    output.resize(start + limit, 0);
    let written = write(&mut output[start..]).unwrap_or(0);
    output.truncate(start + written);
    written > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for &kind in Compression::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_there_are() {
        let error = "lzma".parse::<Compression>().unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("\"lzma\" is no compression; there are none, range-coder, fastlz"),
            "{message}"
        );
    }

    #[test]
    fn only_none_has_no_compressor() {
        for &kind in Compression::ALL {
            assert_eq!(kind.compressor().is_none(), kind == Compression::None, "{kind}");
        }
    }
}
