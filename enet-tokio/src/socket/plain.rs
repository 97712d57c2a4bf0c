//! One system call for each datagram: works everywhere.

use std::io;
use std::net::SocketAddr;

use super::readiness::Io;
use bytes::Bytes;

/// One byte more than the largest datagram of ENet (an MTU of 4096): what fills it is too long, and the protocol counts it so.
const BUFFER_SIZE: usize = 4096 + 1;

/// Receives into one buffer and copies out what came.
#[derive(Debug)]
pub(super) struct Plain {
    buffer: Box<[u8]>,
}

impl Plain {
    pub(super) fn new() -> Plain {
        Plain {
            buffer: vec![0; BUFFER_SIZE].into(),
        }
    }

    /// Receives one datagram. `ask` looks whatever the reactor has reported.
    pub(super) fn receive(&mut self, io: &Io, ask: bool) -> io::Result<(SocketAddr, Bytes)> {
        let (length, from) = io.receive(&mut self.buffer, ask)?;
        Ok((from, Bytes::copy_from_slice(&self.buffer[..length])))
    }
}
