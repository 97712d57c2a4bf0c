//! One system call for datagrams to several destinations, on Linux.
//!
//! Each of them may leave from another address of this machine. The safe wrappers of `sendmmsg` have one set of control messages for
//! all datagrams, or know none that says so.

use std::io::{self, IoSlice};
use std::mem::{self, offset_of};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use nix::libc;
use socket2::SockAddr;

use super::gathered::MAX_GATHERED;

/// A datagram, where it goes, and the address of this machine that it is to come from.
pub(super) struct Datagram<'a> {
    pub(super) to: SocketAddr,
    pub(super) from: Option<IpAddr>,
    pub(super) content: &'a [u8],
}

/// A control message, laid out as the kernel reads it.
#[repr(C)]
struct Control<T> {
    header: libc::cmsghdr,
    info: T,
}

/// What says where a datagram is to come from.
enum Source {
    Any,
    V4(Control<libc::in_pktinfo>),
    V6(Control<libc::in6_pktinfo>),
}

// SAFETY: these compute with their argument, and are unsafe by declaration only.
#[allow(unsafe_code, reason = "the system's macros for this layout are declared unsafe")]
const _: () = unsafe {
    assert!(offset_of!(Control<libc::in_pktinfo>, info) == libc::CMSG_LEN(0) as usize);
    assert!(offset_of!(Control<libc::in6_pktinfo>, info) == libc::CMSG_LEN(0) as usize);
    assert!(size_of::<Control<libc::in_pktinfo>>() == libc::CMSG_SPACE(size_of::<libc::in_pktinfo>() as u32) as usize);
    assert!(
        size_of::<Control<libc::in6_pktinfo>>() == libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as u32) as usize
    );
};

impl<T> Control<T> {
    #[allow(unsafe_code, reason = "the header has private fields on some systems")]
    fn new(level: libc::c_int, kind: libc::c_int, info: T) -> Control<T> {
        // SAFETY: a header of zeros is a valid value of it: it consists of numbers.
        let mut header: libc::cmsghdr = unsafe { mem::zeroed() };
        header.cmsg_len = (offset_of!(Control<T>, info) + size_of::<T>()) as _;
        header.cmsg_level = level;
        header.cmsg_type = kind;
        Control { header, info }
    }
}

impl Source {
    fn new(address: Option<IpAddr>) -> Source {
        match address {
            None => Source::Any,
            Some(IpAddr::V4(ip)) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(ip.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                Source::V4(Control::new(libc::IPPROTO_IP, libc::IP_PKTINFO, info))
            }
            Some(IpAddr::V6(ip)) => {
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: ip.octets() },
                    ipi6_ifindex: 0,
                };
                Source::V6(Control::new(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info))
            }
        }
    }

    /// Where it is, and its size.
    fn control(&self) -> (*const libc::c_void, usize) {
        match self {
            Source::Any => (ptr::null(), 0),
            Source::V4(control) => (ptr::from_ref(control).cast(), size_of_val(control)),
            Source::V6(control) => (ptr::from_ref(control).cast(), size_of_val(control)),
        }
    }
}

/// Sends `datagrams`, as many as the kernel takes, and returns how many these are. An error is that of the first; what the kernel
/// has against a later one is told by the call that begins with it.
#[allow(
    unsafe_code,
    reason = "no library has this call with a control message for each datagram"
)]
pub(super) fn send<'a>(socket: &UdpSocket, datagrams: impl Iterator<Item = Datagram<'a>>) -> io::Result<usize> {
    let mut addresses = [const { None }; MAX_GATHERED];
    let mut sources = [const { Source::Any }; MAX_GATHERED];
    let mut contents = [IoSlice::new(&[]); MAX_GATHERED];
    // SAFETY: a message of zeros is a valid value of it: it consists of numbers and pointers, which may be null.
    let mut messages: [libc::mmsghdr; MAX_GATHERED] = unsafe { mem::zeroed() };
    let mut count = 0;
    for datagram in datagrams.take(MAX_GATHERED) {
        let address: &SockAddr = addresses[count].insert(SockAddr::from(datagram.to));
        sources[count] = Source::new(datagram.from);
        contents[count] = IoSlice::new(datagram.content);
        let (control, control_size) = sources[count].control();
        let header = &mut messages[count].msg_hdr;
        header.msg_name = address.as_ptr().cast_mut().cast();
        header.msg_namelen = address.len();
        header.msg_iov = ptr::from_mut(&mut contents[count]).cast();
        header.msg_iovlen = 1;
        header.msg_control = control.cast_mut();
        header.msg_controllen = control_size as _;
        count += 1;
    }
    let messages = &mut messages[..count];
    // SAFETY: each message points to an address, a content and a control message that live in the arrays above, which are neither
    // moved nor changed until the call returns. An `IoSlice` is laid out as an `iovec`. The kernel reads all of them and writes only
    // to the messages themselves.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_NOSIGNAL as _,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
