//! ENet's own compression: an adaptive model of which byte follows the last two, and a range coder that spends few bits on what
//! the model expects.
//!
//! Each datagram is compressed by itself, so the model learns anew every time. [`model`] counts and [`coder`] does arithmetic;
//! what is here walks from the longest history to the shortest until a byte is found.

mod coder;
mod model;
mod root;

use super::Compressor;
use coder::{Decoder, Encoder, Full};
use model::{ContextId, Model, Observed, Visit};

/// See [`Compression::RangeCoder`](super::Compression::RangeCoder).
pub(super) struct RangeCoder {
    model: Model,
}

impl RangeCoder {
    pub(super) fn new() -> RangeCoder {
        RangeCoder { model: Model::new() }
    }

    fn encode(&mut self, encoder: &mut Encoder<'_>, value: u8) -> Result<(), Full> {
        let mut context = self.model.predicted();
        let mut visit = Visit::default();
        loop {
            let Observed { entry, seen, .. } = self.model.observe(context, value);
            self.model.link(&mut visit, entry);
            if seen.count > 0 {
                encoder.encode(seen.escapes + seen.below, seen.count, seen.total)?;
                break;
            }
            if seen.escapes > 0 {
                encoder.encode(0, seen.escapes, seen.total)?;
            }
            context = self.model.shorter(context);
        }
        self.model.advance(&visit);
        Ok(())
    }

    fn decode(&mut self, decoder: &mut Decoder<'_>) -> Decoded {
        let deepest = self.model.predicted();
        let mut context = deepest;
        let Observed { entry, value, seen } = loop {
            let (escapes, total) = self.model.weights(context);
            // A context that has seen nothing was passed without a word.
            if escapes > 0 {
                let position = decoder.position(total);
                if position >= escapes {
                    match self.model.observe_at(context, position - escapes) {
                        Some(observed) => break observed,
                        None => return Decoded::Malformed,
                    }
                }
                if context == ContextId::ROOT {
                    return Decoded::End;
                }
                decoder.take(0, escapes);
            }
            context = self.model.shorter(context);
        };
        decoder.take(seen.escapes + seen.below, seen.count);
        // The longer histories learn of it too.
        let mut visit = Visit::default();
        let mut longer = deepest;
        while longer != context {
            let observed = self.model.observe(longer, value);
            self.model.link(&mut visit, observed.entry);
            longer = self.model.shorter(longer);
        }
        self.model.link(&mut visit, entry);
        self.model.advance(&visit);
        Decoded::Value(value)
    }
}

enum Decoded {
    Value(u8),
    End,
    Malformed,
}

impl Compressor for RangeCoder {
    fn cost(&self) -> usize {
        16
    }

    fn compress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        if input.is_empty() {
            return false;
        }
        self.model.reset();
        let mut encoder = Encoder::new(limit, output);
        for &value in input {
            if self.encode(&mut encoder, value).is_err() {
                return false;
            }
        }
        encoder.finish().is_ok()
    }

    fn decompress(&mut self, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
        if input.is_empty() {
            return false;
        }
        self.model.reset();
        let start = output.len();
        let mut decoder = Decoder::new(input);
        loop {
            match self.decode(&mut decoder) {
                Decoded::Value(value) if output.len() - start < limit => output.push(value),
                Decoded::Value(_) | Decoded::Malformed => return false,
                Decoded::End => return output.len() > start,
            }
        }
    }
}
