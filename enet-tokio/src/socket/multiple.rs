//! One system call for datagrams to several destinations, on Linux.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::slice;

use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

use super::gathered::MAX_GATHERED;

/// Sends `datagrams`, as many as the kernel takes, and returns how many these are. An error is that of the first; what the kernel
/// has against a later one is told by the call that begins with it.
pub(super) fn send<'a>(
    socket: &UdpSocket,
    datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
) -> io::Result<usize> {
    let mut addresses = [const { None }; MAX_GATHERED];
    let mut contents = [IoSlice::new(&[]); MAX_GATHERED];
    let mut count = 0;
    for ((address, content), (to, datagram)) in addresses.iter_mut().zip(&mut contents).zip(datagrams) {
        *address = Some(SocketAddrAny::from(to));
        *content = IoSlice::new(datagram);
        count += 1;
    }
    let mut controls = [(); MAX_GATHERED].map(|()| SendAncillaryBuffer::default());
    let mut parts = addresses.iter().flatten().zip(&contents);
    let mut messages = controls.each_mut().map(|control| match parts.next() {
        Some((address, content)) => MMsgHdr::new_with_addr(address, slice::from_ref(content), control),
        None => MMsgHdr::new(&[], control),
    });
    Ok(sendmmsg(socket, &mut messages[..count], SendFlags::NOSIGNAL)?)
}
