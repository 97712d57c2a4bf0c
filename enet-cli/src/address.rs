//! The address to listen on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use tokio::net::lookup_host;

/// Godot's examples use this port.
pub(crate) const DEFAULT_PORT: u16 = 7777;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// On all interfaces.
    Everywhere(u16),
    /// At this address.
    At(SocketAddr),
    /// At the first address of this name that can be had.
    Named(String, u16),
}

/// What was asked for makes no address.
#[derive(Debug, Error)]
pub(crate) enum AddressError {
    #[error(
        "\"{0}\" is no address to listen on: give an IP address or a name, such as 127.0.0.1, [::1], 192.0.2.1:7777 or \
         game.example.org"
    )]
    Malformed(String),
    #[error("the port is given twice, in --bind {0} and in --port {1}")]
    PortTwice(String, u16),
    #[error("\"{name}\" is no address, and no name that is known here: {error}")]
    Unknown { name: String, error: io::Error },
}

impl Listen {
    /// The address of `--bind ADDRESS[:PORT]` and `--port`.
    pub(crate) fn new(bind: Option<&str>, port: Option<u16>) -> Result<Listen, AddressError> {
        let Some(bind) = bind else {
            return Ok(Listen::Everywhere(port.unwrap_or(DEFAULT_PORT)));
        };
        let malformed = || AddressError::Malformed(bind.to_owned());
        if let Ok(address) = bind.parse::<SocketAddr>() {
            one_port(bind, Some(address.port()), port)?;
            return Ok(Listen::At(address));
        }
        let bare = bind
            .strip_prefix('[')
            .and_then(|bind| bind.strip_suffix(']'))
            .unwrap_or(bind);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Listen::At((ip, port.unwrap_or(DEFAULT_PORT)).into()));
        }
        let (name, named_port) = match bind.split_once(':') {
            Some((name, digits)) => (name, Some(digits.parse().map_err(|_| malformed())?)),
            None => (bind, None),
        };
        if !is_host_name(name) {
            return Err(malformed());
        }
        let port = one_port(bind, named_port, port)?;
        Ok(Listen::Named(name.to_owned(), port))
    }

    /// The addresses that will do, the best one first.
    pub(crate) async fn addresses(&self) -> Result<Vec<SocketAddr>, AddressError> {
        let (name, port) = match self {
            Listen::Everywhere(port) => return Ok(vec![(Ipv6Addr::UNSPECIFIED, *port).into()]),
            Listen::At(address) => return Ok(vec![*address]),
            Listen::Named(name, port) => (name, *port),
        };
        let found = lookup_host((name.as_str(), port)).await;
        found.map(Iterator::collect).map_err(|error| AddressError::Unknown {
            name: name.clone(),
            error,
        })
    }

    /// What to try where there is no IPv6.
    pub(crate) fn ipv4_instead(&self) -> Option<SocketAddr> {
        match self {
            Listen::Everywhere(port) => Some((Ipv4Addr::UNSPECIFIED, *port).into()),
            Listen::At(_) | Listen::Named(..) => None,
        }
    }
}

/// The port of `--bind`, that of `--port`, or the default; not two different ones.
fn one_port(bind: &str, of_bind: Option<u16>, of_option: Option<u16>) -> Result<u16, AddressError> {
    match (of_bind, of_option) {
        (Some(one), Some(other)) if one != other => Err(AddressError::PortTwice(bind.to_owned(), other)),
        (one, other) => Ok(one.or(other).unwrap_or(DEFAULT_PORT)),
    }
}

/// Whether it can be a name. What ends in a number is an IPv4 address that was mistyped, or written as only some systems read it.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let letters = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        (1..=63).contains(&label.len()) && label.chars().all(letters) && !label.starts_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_label) && !last.chars().all(|letter| letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(bind: Option<&str>, port: Option<u16>) -> Listen {
        Listen::new(bind, port).expect("an address")
    }

    fn address(bind: &str, port: Option<u16>) -> String {
        match listen(Some(bind), port) {
            Listen::At(address) => address.to_string(),
            other => panic!("{bind} is {other:?}"),
        }
    }

    #[tokio::test]
    async fn all_interfaces_and_port_7777_by_default() {
        assert_eq!(listen(None, None), Listen::Everywhere(7777));
        let listen = listen(None, Some(9));
        let addresses = listen.addresses().await.expect("no name");
        assert_eq!(addresses, ["[::]:9".parse().expect("an address")]);
        assert_eq!(listen.ipv4_instead(), Some("0.0.0.0:9".parse().expect("an address")));
    }

    #[test]
    fn addresses_with_and_without_a_port() {
        assert_eq!(address("127.0.0.1", None), "127.0.0.1:7777");
        assert_eq!(address("127.0.0.1:0", None), "127.0.0.1:0");
        assert_eq!(address("::1", Some(80)), "[::1]:80");
        assert_eq!(address("[::1]", None), "[::1]:7777");
        assert_eq!(address("[::1]:81", Some(81)), "[::1]:81");
        assert_eq!(listen(Some("::"), None).ipv4_instead(), None, "this one was asked for");
    }

    #[test]
    fn names_with_and_without_a_port() {
        let named = |name: &str, port| Listen::Named(name.to_owned(), port);
        assert_eq!(listen(Some("localhost"), None), named("localhost", 7777));
        assert_eq!(listen(Some("localhost"), Some(80)), named("localhost", 80));
        assert_eq!(
            listen(Some("game.example.org:81"), Some(81)),
            named("game.example.org", 81)
        );
        assert_eq!(listen(Some("vm-4_a.example."), None), named("vm-4_a.example.", 7777));
    }

    #[tokio::test]
    async fn a_name_has_addresses_with_the_port() {
        let addresses = listen(Some("localhost"), Some(9))
            .addresses()
            .await
            .expect("it is known");
        assert!(!addresses.is_empty());
        assert!(
            addresses
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 9)
        );
    }

    #[test]
    fn others_are_refused() {
        let bad = [
            "",
            "1.2.3",
            "127.0.0.1:70000",
            "[::1",
            "127.0.0.1:",
            "localhost:",
            "localhost:x",
            "a b",
            "enet://here:7777",
            "-x",
            "a..b",
            ":7777",
            "::1:x",
            "[localhost]",
            "*",
            "999.1.1.1",
        ];
        for bad in bad {
            let error = Listen::new(Some(bad), None).expect_err(bad);
            assert!(
                matches!(&error, AddressError::Malformed(text) if text == bad),
                "{bad}: {error}"
            );
        }
        for twice in ["127.0.0.1:1", "localhost:1"] {
            assert!(matches!(
                Listen::new(Some(twice), Some(2)),
                Err(AddressError::PortTwice(_, 2))
            ));
        }
    }
}
