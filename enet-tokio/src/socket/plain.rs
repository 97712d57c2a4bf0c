//! One system call for each datagram: works everywhere.

use std::io;
use std::net::{IpAddr, SocketAddr};

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

    /// Receives one datagram by `call`, which fills a buffer and tells how long the datagram is, where it came from and where to.
    pub(super) fn receive(
        &mut self,
        call: impl FnOnce(&mut [u8]) -> io::Result<(usize, SocketAddr, Option<IpAddr>)>,
    ) -> io::Result<(SocketAddr, Option<IpAddr>, Bytes)> {
        let (length, from, to) = call(&mut self.buffer)?;
        Ok((from, to, Bytes::copy_from_slice(&self.buffer[..length])))
    }
}
