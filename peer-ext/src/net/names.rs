//! Addresses as scripts write them, and host names, which Godot's own resolver looks up in its thread.

use std::net::{IpAddr, SocketAddr};

use enet_tokio::{Address, AddressError};
use godot::classes::Ip;
use godot::classes::ip::{ResolverStatus, Type};
use godot::obj::Singleton;

/// What Godot's resolver answers when its queue is full.
const NO_QUERY: i32 = -1;

/// An IP address in any of its forms, an IPv6 one also in brackets.
pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    text.parse().ok()
}

/// What is wrong with the name of a server, if that can be known without looking it up.
pub(crate) fn check_name(name: &str, port: u16) -> Result<(), AddressError> {
    // Godot's resolver takes the old short forms of IPv4, such as "127.1".
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match Address::new(name, port) {
        Err(AddressError::BadName { .. }) if is_number => Ok(()),
        checked => checked.map(|_| ()),
    }
}

/// Where a server is, if nothing is to be looked up.
pub(super) fn locate(name: &str, port: u16) -> Option<SocketAddr> {
    let address = Address::new(name, port).ok()?;
    address.known()?.first().copied()
}

/// A name that is being looked up. Dropping it ends the query.
#[derive(Debug)]
pub(super) struct Lookup {
    query: i32,
}

/// How far a [`Lookup`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Waiting,
    /// The first to try first.
    Found(Vec<IpAddr>),
    NotFound,
}

impl Lookup {
    /// Begins; `None` if Godot has too many queries already.
    pub(super) fn begin(name: &str) -> Option<Lookup> {
        let mut resolver = Ip::singleton();
        let query = resolver.resolve_hostname_queue_item_ex(name).ip_type(Type::ANY).done();
        (query != NO_QUERY).then_some(Lookup { query })
    }

    /// Looks for the answer. IPv4 addresses come first: a server that has both kinds takes them, and one with IPv4 alone needs them.
    pub(super) fn answer(&self) -> Answer {
        let resolver = Ip::singleton();
        let status = resolver.get_resolve_item_status(self.query);
        if status == ResolverStatus::WAITING {
            return Answer::Waiting;
        }
        if status != ResolverStatus::DONE {
            return Answer::NotFound;
        }
        let mut found: Vec<IpAddr> = resolver
            .get_resolve_item_addresses(self.query)
            .iter_shared()
            .filter_map(|address| parse_address(&address.stringify().to_string()))
            .collect();
        found.sort_by_key(IpAddr::is_ipv6);
        match found.is_empty() {
            true => Answer::NotFound,
            false => Answer::Found(found),
        }
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        Ip::singleton().erase_resolve_item(self.query);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_are_read() {
        assert!(parse_address("127.0.0.1").is_some_and(|address| address.is_ipv4()));
        assert!(parse_address("::1").is_some_and(|address| address.is_ipv6()));
        assert_eq!(parse_address("[::1]"), parse_address("0:0:0:0:0:0:0:1"));
        for name in ["", "*", "localhost", "1.2.3", "[127.0.0.1"] {
            assert_eq!(parse_address(name), None, "{name}");
        }
    }

    #[test]
    fn what_no_host_can_be_called_is_refused_with_its_text() {
        for name in ["", "enet://example.org", "example.org:7777", "two words", "a/b"] {
            let error = check_name(name, 7777).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
        for name in [
            "example.org",
            "localhost",
            "127.1",
            "127.0.0.1",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
            "fe80::1%1",
        ] {
            assert_eq!(check_name(name, 7777), Ok(()), "{name}");
        }
        assert_eq!(locate("localhost", 7777), None);
        assert_eq!(locate("127.1", 7777), None);
        assert_eq!(locate("[::1]", 7777), "[::1]:7777".parse().ok());
    }
}
