//! The arguments of a call: their number in a byte, then each in the compressed form.

use std::iter::FusedIterator;

use super::error::{DecodeError, DecodeErrorKind, EncodeError};
use super::options::DecodeOptions;
use super::reader::Decoder;
use super::writer::{Encoder, likely_size};
use crate::Variant;

/// The most arguments of a call.
pub const MAX_ARGUMENTS: usize = 255;

/// Why the arguments of a call cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument {index} of {count}: {error}")]
pub struct ArgumentError {
    /// Which one, from 0. A stock Godot takes it and all later ones for null, and calls all the same.
    pub index: usize,
    /// How many there are said to be.
    pub count: usize,
    /// What is wrong with it.
    pub error: DecodeError,
}

/// The arguments of a call, read one after the other. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    decoder: Decoder<'a>,
    count: usize,
    read: usize,
    failed: bool,
}

impl<'a> Arguments<'a> {
    /// Of a body whose first byte is their number. The memory allowed is for all of them together.
    ///
    /// # Errors
    /// If there is no byte.
    pub fn new(body: &'a [u8], options: &DecodeOptions) -> Result<Arguments<'a>, ArgumentError> {
        let Some((count, values)) = body.split_first() else {
            let kind = DecodeErrorKind::CutOff;
            return Err(ArgumentError {
                index: 0,
                count: 0,
                error: DecodeError { offset: 0, kind },
            });
        };
        Ok(Arguments {
            decoder: Decoder::with_options(values, options.clone()),
            count: usize::from(*count),
            read: 0,
            failed: false,
        })
    }

    /// How many there are said to be, those that were read already among them.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The bytes behind what was read so far.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.decoder.rest()
    }
}

impl Iterator for Arguments<'_> {
    type Item = Result<Variant, ArgumentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.read == self.count {
            return None;
        }
        let value = self.decoder.read_compressed().map_err(|error| {
            self.failed = true;
            // The number stands before what the decoder reads.
            let offset = error.offset + 1;
            ArgumentError {
                index: self.read,
                count: self.count,
                error: DecodeError { offset, ..error },
            }
        });
        self.read += 1;
        Some(value)
    }
}

impl FusedIterator for Arguments<'_> {}

/// Reads the arguments of a call that has them as values: a byte with their number, then each. Bytes behind them are ignored.
///
/// A call whose flags say that its rest is one `PackedByteArray` has no such body: that is for the caller to see.
///
/// # Errors
/// The first argument that cannot be read. Memory is bounded by the options, for all of them together.
pub fn decode_arguments(body: &[u8], options: &DecodeOptions) -> Result<Vec<Variant>, ArgumentError> {
    let arguments = Arguments::new(body, options)?;
    // The shortest value is a byte.
    let mut values = Vec::with_capacity(arguments.count.min(arguments.rest().len()));
    for argument in arguments {
        values.push(argument?);
    }
    Ok(values)
}

/// Writes the arguments of a call at the end of a buffer, and nothing if there is an error.
///
/// # Errors
/// More than 255, or one that cannot be written.
pub fn encode_arguments(arguments: &[Variant], buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
    let count = u8::try_from(arguments.len()).map_err(|_| EncodeError::TooManyArguments(arguments.len()))?;
    let start = buffer.len();
    buffer.reserve(1 + arguments.iter().map(likely_size).sum::<usize>());
    buffer.push(count);
    for argument in arguments {
        if let Err(error) = Encoder::new(buffer).write_compressed(argument) {
            buffer.truncate(start);
            return Err(error);
        }
    }
    Ok(())
}
