//! Addresses as the protocol knows them, and as the socket wants them.
//!
//! A dual-stack socket shows an IPv4 address as an IPv6 one (`::ffff:a.b.c.d`). The protocol and the program see it as IPv4, so
//! that one machine has one address, however the endpoint is bound. For the same reason an IPv6 address has no flow label there,
//! and a scope only if it means something.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use enet_proto::Path;

/// How many addresses of one name are tried.
const MOST_ADDRESSES: usize = 8;

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

/// `address` in the one form that it has for the protocol: an IPv4-mapped one as plain IPv4, an IPv6 one without flow label, and
/// with its scope if it is link-local. Elsewhere systems take a scope and show none.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    let SocketAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.ip().to_ipv4_mapped() {
        return SocketAddr::new(v4.into(), v6.port());
    }
    let scope = if v6.ip().is_unicast_link_local() {
        v6.scope_id()
    } else {
        0
    };
    SocketAddrV6::new(*v6.ip(), v6.port(), 0, scope).into()
}

/// Canonical addresses of one name in the order in which to try them: the families by turns, that of the first one first, each
/// address once, and not too many.
pub(crate) fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut families: [Vec<SocketAddr>; 2] = Default::default();
    let mut first = None;
    for address in addresses {
        let family = &mut families[usize::from(address.is_ipv4())];
        if !family.contains(&address) {
            family.push(address);
        }
        first.get_or_insert(address.is_ipv4());
    }
    if first == Some(true) {
        families.swap(0, 1);
    }
    let [first, second] = families.map(Vec::into_iter);
    let longest = first.len().max(second.len());
    let padded = |family: std::vec::IntoIter<SocketAddr>| family.map(Some).chain(std::iter::repeat(None)).take(longest);
    padded(first)
        .zip(padded(second))
        .flat_map(|(first, second)| [first, second])
        .flatten()
        .take(MOST_ADDRESSES)
        .collect()
}

/// The path of a datagram that came from `from`, to `to` as far as the system tells: an address of this machine, if it can be one.
pub(super) fn path(from: SocketAddr, to: Option<IpAddr>) -> Path {
    let is_ours = |ip: &IpAddr| {
        let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
        !ip.is_multicast() && !ip.is_unspecified() && !is_broadcast
    };
    Path {
        remote: canonical(from),
        local: to.map(|ip| ip.to_canonical()).filter(is_ours),
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
    fn a_flow_label_is_no_part_of_an_address_and_a_scope_only_where_it_means_something() {
        let loopback = address("[::1]:7");
        for odd in [
            SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 7, 0),
            SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 0, 1),
        ] {
            assert_eq!(canonical(odd.into()), loopback);
            assert_eq!(destination(odd.into()), loopback);
        }
        let link_local = address("[fe80::1%3]:7");
        assert_eq!(canonical(link_local), link_local);
        assert_ne!(canonical(link_local), canonical(address("[fe80::1%4]:7")));
        assert_eq!(Family::Dual.for_socket(link_local), link_local);
    }

    #[test]
    fn the_families_take_turns_and_each_address_comes_once() {
        let order = |texts: &[&str]| interleave(texts.iter().map(|text| address(text)));
        let list = |texts: &[&str]| texts.iter().map(|text| address(text)).collect::<Vec<_>>();
        assert_eq!(
            order(&["[::1]:7", "[::2]:7", "[::1]:7", "[::3]:7", "10.0.0.1:7"]),
            list(&["[::1]:7", "10.0.0.1:7", "[::2]:7", "[::3]:7"])
        );
        assert_eq!(
            order(&["10.0.0.1:7", "10.0.0.2:7", "[::1]:7"]),
            list(&["10.0.0.1:7", "[::1]:7", "10.0.0.2:7"])
        );
        let many: Vec<SocketAddr> = (0..100).map(|last| SocketAddr::from(([10, 0, 0, last], 7))).collect();
        assert_eq!(interleave(many.iter().copied()), many[..MOST_ADDRESSES]);
    }

    #[test]
    fn a_socket_of_one_family_does_not_reach_the_other() {
        assert!(!Family::V4.reaches(address("[::1]:7")));
        assert!(!Family::V6.reaches(address("[::ffff:127.0.0.1]:7")));
        assert!(Family::Dual.reaches(address("127.0.0.1:7")) && Family::Dual.reaches(address("[::1]:7")));
    }

    #[test]
    fn what_came_to_everyone_came_to_no_address_of_this_machine() {
        let from = address("[::ffff:192.0.2.1]:7");
        let local = |to: &str| path(from, Some(to.parse().unwrap())).local;
        for everyone in [
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
            "::ffff:255.255.255.255",
            "::",
        ] {
            assert_eq!(local(everyone), None, "{everyone}");
        }
        assert_eq!(local("::ffff:127.0.0.2"), Some([127, 0, 0, 2].into()));
        assert_eq!(path(from, None), Path::from(address("192.0.2.1:7")));
    }

    #[test]
    fn the_unspecified_address_means_this_machine() {
        assert_eq!(destination(address("0.0.0.0:7")), address("127.0.0.1:7"));
        assert_eq!(destination(address("[::]:7")), address("[::1]:7"));
    }
}
