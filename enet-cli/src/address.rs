//! The address to listen on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

/// Godot's examples use this port.
pub(crate) const DEFAULT_PORT: u16 = 7777;

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    /// Whether nobody asked for this very address, so that another will do if this machine does not have it.
    pub(crate) any: bool,
}

/// What was asked for makes no address.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum AddressError {
    #[error("\"{0}\" is no address to listen on: give an IP address such as 127.0.0.1, [::1] or 192.0.2.1:7777")]
    Malformed(String),
    #[error("the port is given twice, in --bind {0} and in --port {1}")]
    PortTwice(SocketAddr, u16),
}

impl Listen {
    /// The address of `--bind ADDRESS[:PORT]` and `--port`.
    pub(crate) fn new(bind: Option<&str>, port: Option<u16>) -> Result<Listen, AddressError> {
        let Some(bind) = bind else {
            let address = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port.unwrap_or(DEFAULT_PORT));
            return Ok(Listen { address, any: true });
        };
        if let Ok(address) = bind.parse::<SocketAddr>() {
            return match port {
                Some(port) if port != address.port() => Err(AddressError::PortTwice(address, port)),
                _ => Ok(Listen { address, any: false }),
            };
        }
        let bare = bind
            .strip_prefix('[')
            .and_then(|bind| bind.strip_suffix(']'))
            .unwrap_or(bind);
        let ip: IpAddr = bare.parse().map_err(|_| AddressError::Malformed(bind.to_owned()))?;
        let address = SocketAddr::new(ip, port.unwrap_or(DEFAULT_PORT));
        Ok(Listen { address, any: false })
    }

    /// What to try where there is no IPv6.
    pub(crate) fn ipv4_instead(self) -> Option<SocketAddr> {
        self.any
            .then(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.address.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(bind: Option<&str>, port: Option<u16>) -> String {
        Listen::new(bind, port).expect("an address").address.to_string()
    }

    #[test]
    fn all_interfaces_and_port_7777_by_default() {
        assert_eq!(address(None, None), "[::]:7777");
        assert_eq!(address(None, Some(9)), "[::]:9");
        let listen = Listen::new(None, Some(9)).expect("an address");
        assert_eq!(listen.ipv4_instead(), Some("0.0.0.0:9".parse().expect("an address")));
    }

    #[test]
    fn addresses_with_and_without_a_port() {
        assert_eq!(address(Some("127.0.0.1"), None), "127.0.0.1:7777");
        assert_eq!(address(Some("127.0.0.1:0"), None), "127.0.0.1:0");
        assert_eq!(address(Some("::1"), Some(80)), "[::1]:80");
        assert_eq!(address(Some("[::1]"), None), "[::1]:7777");
        assert_eq!(address(Some("[::1]:81"), Some(81)), "[::1]:81");
        let listen = Listen::new(Some("::"), None).expect("an address");
        assert_eq!(listen.ipv4_instead(), None, "this one was asked for");
    }

    #[test]
    fn others_are_refused() {
        for bad in ["", "localhost", "1.2.3", "127.0.0.1:70000", "[::1", "127.0.0.1:"] {
            assert_eq!(
                Listen::new(Some(bad), None),
                Err(AddressError::Malformed(bad.to_owned()))
            );
        }
        assert!(matches!(
            Listen::new(Some("127.0.0.1:1"), Some(2)),
            Err(AddressError::PortTwice(_, 2))
        ));
    }
}
