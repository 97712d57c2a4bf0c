//! Addresses as the protocol knows them, and as the socket wants them.
//!
//! A dual-stack socket shows an IPv4 address as an IPv6 one (`::ffff:a.b.c.d`). The protocol and the program see it as IPv4, so
//! that one machine has one address, however the endpoint is bound.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a socket can send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    /// IPv6, and IPv4 in mapped form.
    Dual,
}

impl Family {
    /// Whether datagrams can be sent to `address` at all.
    pub(crate) fn reaches(self, address: SocketAddr) -> bool {
        match self {
            Family::V4 => canonical(address).is_ipv4(),
            Family::V6 => canonical(address).is_ipv6(),
            Family::Dual => true,
        }
    }

    /// `address` in the form the socket wants.
    pub(super) fn for_socket(self, address: SocketAddr) -> SocketAddr {
        match (self, address) {
            (Family::Dual, SocketAddr::V4(v4)) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            (_, other) => other,
        }
    }
}

/// `address` with an IPv4-mapped one as plain IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

/// The address to connect to for one that a program names: the unspecified address means this machine.
///
/// The system would take it so as well, but the answers come from the loopback address and would match nobody.
pub(crate) fn destination(address: SocketAddr) -> SocketAddr {
    let mut address = canonical(address);
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_mapped_address_is_ipv4_to_the_protocol_and_mapped_again_to_a_dual_socket() {
        let mapped = address("[::ffff:192.0.2.1]:7");
        assert_eq!(canonical(mapped), address("192.0.2.1:7"));
        assert_eq!(Family::Dual.for_socket(address("192.0.2.1:7")), mapped);
        assert_eq!(Family::V4.for_socket(address("192.0.2.1:7")), address("192.0.2.1:7"));
    }

    #[test]
    fn real_ipv6_addresses_stay_as_they_are() {
        assert_eq!(canonical(address("[2001:db8::1]:7")), address("[2001:db8::1]:7"));
        assert_eq!(
            Family::Dual.for_socket(address("[2001:db8::1]:7")),
            address("[2001:db8::1]:7")
        );
    }

    #[test]
    fn a_socket_of_one_family_does_not_reach_the_other() {
        assert!(!Family::V4.reaches(address("[::1]:7")));
        assert!(!Family::V6.reaches(address("[::ffff:127.0.0.1]:7")));
        assert!(Family::Dual.reaches(address("127.0.0.1:7")) && Family::Dual.reaches(address("[::1]:7")));
    }

    #[test]
    fn the_unspecified_address_means_this_machine() {
        assert_eq!(destination(address("0.0.0.0:7")), address("127.0.0.1:7"));
        assert_eq!(destination(address("[::]:7")), address("[::1]:7"));
    }
}
