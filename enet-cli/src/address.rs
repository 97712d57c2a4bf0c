//! The address to listen on.

use std::net::{Ipv6Addr, SocketAddr};

use enet_tokio::{Address, AddressError};
use thiserror::Error;

/// Godot's examples use this port.
pub(crate) const DEFAULT_PORT: u16 = 7777;

/// What was asked for makes no address to listen on.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum ListenError {
    #[error("{0}; give an IP address or a name, such as 127.0.0.1, [::1], 192.0.2.1:7777 or game.example.org")]
    Address(#[from] AddressError),
    #[error("the port is given twice, in --bind {0} and in --port {1}")]
    PortTwice(String, u16),
}

/// The address of `--bind ADDRESS[:PORT]` and `--port`; all interfaces without `--bind`.
pub(crate) fn listen_address(bind: Option<&str>, port: Option<u16>) -> Result<Address, ListenError> {
    let default_port = port.unwrap_or(DEFAULT_PORT);
    let Some(bind) = bind else {
        return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, default_port)).into());
    };
    let address = Address::with_default_port(bind, default_port)?;
    match port {
        Some(port) if address.port() != Some(port) => Err(ListenError::PortTwice(bind.to_owned(), port)),
        _ => Ok(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(bind: &str, port: Option<u16>) -> Address {
        listen_address(Some(bind), port).expect("an address")
    }

    fn address(bind: Option<&str>, port: Option<u16>) -> String {
        let address = listen_address(bind, port).expect("an address");
        let known = address.known().expect("it needs no looking up");
        known[0].to_string()
    }

    #[test]
    fn all_interfaces_and_port_7777_by_default() {
        assert_eq!(address(None, None), "[::]:7777");
        assert_eq!(address(None, Some(9)), "[::]:9");
    }

    #[test]
    fn addresses_with_and_without_a_port() {
        assert_eq!(address(Some("127.0.0.1"), None), "127.0.0.1:7777");
        assert_eq!(address(Some("127.0.0.1:0"), None), "127.0.0.1:0");
        assert_eq!(address(Some("::1"), Some(80)), "[::1]:80");
        assert_eq!(address(Some("[::1]"), None), "[::1]:7777");
        assert_eq!(address(Some("[::1]:81"), Some(81)), "[::1]:81");
    }

    #[test]
    fn names_with_and_without_a_port() {
        let named = |address: &Address| (address.host_name().expect("a name").to_owned(), address.port());
        assert_eq!(named(&listen("localhost", None)), ("localhost".to_owned(), Some(7777)));
        assert_eq!(
            named(&listen("localhost", Some(80))),
            ("localhost".to_owned(), Some(80))
        );
        assert_eq!(
            named(&listen("game.example.org:81", Some(81))),
            ("game.example.org".to_owned(), Some(81))
        );
    }

    #[test]
    fn others_are_refused() {
        for bad in [
            "",
            "1.2.3",
            "127.0.0.1:70000",
            "[::1",
            "127.0.0.1:",
            "localhost:x",
            "a b",
            "enet://here:7777",
            "*",
        ] {
            let error = listen_address(Some(bad), None).expect_err(bad);
            assert!(matches!(error, ListenError::Address(_)), "{bad}: {error}");
        }
        for twice in ["127.0.0.1:1", "localhost:1"] {
            let error = listen_address(Some(twice), Some(2));
            assert_eq!(error, Err(ListenError::PortTwice(twice.to_owned(), 2)));
        }
    }
}
