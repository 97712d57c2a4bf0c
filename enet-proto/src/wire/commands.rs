//! The commands of a datagram one after the other.

use super::{Command, ParseError, parse};

/// Walks the commands of a datagram, whose payloads are ranges of the bytes given. After an error it ends, as a receiver does.
#[derive(Clone, Debug)]
pub struct Commands<'a> {
    block: &'a [u8],
    offset: usize,
    failed: bool,
}

impl<'a> Commands<'a> {
    /// The commands in `block`: what follows the header and the checksum, after decompression.
    #[must_use]
    pub const fn new(block: &'a [u8]) -> Commands<'a> {
        Commands {
            block,
            offset: 0,
            failed: false,
        }
    }

    /// What has not been read as commands yet; after an error: what cannot be.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.block[self.offset..]
    }
}

impl Iterator for Commands<'_> {
    type Item = Result<Command, ParseError>;

    fn next(&mut self) -> Option<Result<Command, ParseError>> {
        if self.failed || self.offset == self.block.len() {
            return None;
        }
        match parse(self.block, self.offset) {
            Ok((command, next)) => {
                self.offset = next;
                Some(Ok(command))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

impl std::iter::FusedIterator for Commands<'_> {}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::*;

    #[test]
    fn commands_come_in_order_until_the_end() {
        let block = [0x01, 0xFF, 0, 1, 0, 1, 0xFD, 0x62, 0x85, 0xFF, 0, 2];
        let mut commands = Commands::new(&block);
        let acknowledge = Body::Acknowledge {
            received_sequence: 1,
            received_sent_time: 0xFD62,
        };
        assert_eq!(commands.next().unwrap().unwrap().body, acknowledge);
        assert_eq!(commands.next().unwrap().unwrap().body, Body::Ping);
        assert_eq!(commands.next(), None);
        assert!(commands.rest().is_empty());
    }

    #[test]
    fn an_error_ends_the_walk_and_keeps_the_rest() {
        let block = [0x85, 0xFF, 0, 2, 0x0F, 1, 2, 3, 0x85, 0xFF, 0, 3];
        let mut commands = Commands::new(&block);
        assert!(commands.next().unwrap().is_ok());
        assert_eq!(commands.next(), Some(Err(ParseError::UnknownCommand(15))));
        assert_eq!(commands.next(), None);
        assert_eq!(commands.rest(), &block[4..]);
    }
}
