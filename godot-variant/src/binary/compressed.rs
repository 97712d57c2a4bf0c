//! The compressed form: truth values and integers are short, all else is as in the ordinary form.

use super::error::{DecodeError, DecodeErrorKind, EncodeError};
use super::reader::Decoder;
use super::writer::Encoder;
use crate::{Variant, VariantType};

/// The first byte: six bits of type, two of mode.
const TYPE_MASK: u8 = 0x3f;
const MODE_MASK: u8 = 0xc0;

/// The mode of a truth value.
const TRUE: u8 = 0x80;

/// How long an integer is.
const BITS_8: u8 = 0x00;
const BITS_16: u8 = 0x40;
const BITS_32: u8 = 0x80;

const BOOL: u8 = VariantType::Bool.id();
const INT: u8 = VariantType::Int.id();

impl Decoder<'_> {
    /// Reads a value in the compressed form.
    ///
    /// # Errors
    /// Whatever a stock Godot refuses, and what goes beyond the limits.
    pub fn read_compressed(&mut self) -> Result<Variant, DecodeError> {
        let first = self.cursor.peek()?;
        let mode = first & MODE_MASK;
        match first & TYPE_MASK {
            BOOL => {
                self.cursor.take(1)?;
                Ok(Variant::Bool(first & TRUE != 0))
            }
            INT => {
                self.cursor.take(1)?;
                Ok(Variant::Int(match mode {
                    BITS_8 => i8::from_le_bytes(self.cursor.array()?).into(),
                    BITS_16 => i16::from_le_bytes(self.cursor.array()?).into(),
                    BITS_32 => i32::from_le_bytes(self.cursor.array()?).into(),
                    _ => i64::from_le_bytes(self.cursor.array()?),
                }))
            }
            kind if mode != 0 => Err(self.cursor.error(DecodeErrorKind::NotCompressible(kind))),
            _ => self.value(0),
        }
    }
}

impl Encoder<'_> {
    /// Writes a value in the compressed form.
    ///
    /// # Errors
    /// As [`write`](Encoder::write).
    pub fn write_compressed(&mut self, value: &Variant) -> Result<(), EncodeError> {
        match value {
            Variant::Bool(value) => self.put(&[BOOL | if *value { TRUE } else { 0 }]),
            Variant::Int(value) => self.compressed_int(*value),
            other => return self.write(other),
        }
        Ok(())
    }

    fn compressed_int(&mut self, value: i64) {
        if let Ok(value) = i8::try_from(value) {
            self.put(&[INT | BITS_8]);
            self.put(&value.to_le_bytes());
        } else if let Ok(value) = i16::try_from(value) {
            self.put(&[INT | BITS_16]);
            self.put(&value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.put(&[INT | BITS_32]);
            self.put(&value.to_le_bytes());
        } else {
            self.put(&[INT | MODE_MASK]);
            self.put(&value.to_le_bytes());
        }
    }
}
