//! The only addresses that may be attacked.

use std::fmt;
use std::net::{AddrParseError, SocketAddr};
use std::str::FromStr;

/// An address of this very machine. There is no way to make one of any other address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Loopback(SocketAddr);

/// Somebody wanted to attack something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLoopback {
    /// This is not an address.
    Malformed(AddrParseError),
    /// This is an address, but not an IPv4 one of this machine alone.
    Elsewhere(SocketAddr),
}

impl Loopback {
    /// The address, for sending to it.
    #[must_use]
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

impl TryFrom<SocketAddr> for Loopback {
    type Error = NotLoopback;

    fn try_from(address: SocketAddr) -> Result<Loopback, NotLoopback> {
        // Attackers come from many addresses, which only the IPv4 loopback network has.
        if address.is_ipv4() && address.ip().is_loopback() {
            Ok(Loopback(address))
        } else {
            Err(NotLoopback::Elsewhere(address))
        }
    }
}

impl FromStr for Loopback {
    type Err = NotLoopback;

    fn from_str(text: &str) -> Result<Loopback, NotLoopback> {
        Loopback::try_from(text.parse::<SocketAddr>().map_err(NotLoopback::Malformed)?)
    }
}

impl fmt::Display for NotLoopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotLoopback::Malformed(error) => write!(f, "{error}: give an address and a port, as 127.0.0.1:7777"),
            NotLoopback::Elsewhere(address) => {
                write!(
                    f,
                    "{address} is not a loopback address (127.0.0.0/8), and nothing else is attacked"
                )
            }
        }
    }
}

impl std::error::Error for NotLoopback {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_can_be_attacked() {
        for good in ["127.0.0.1:7777", "127.9.8.7:1"] {
            assert_eq!(
                good.parse::<Loopback>().map(Loopback::address),
                Ok(good.parse().expect("an address"))
            );
        }
        for bad in [
            "192.0.2.1:7777",
            "10.0.0.1:7777",
            "0.0.0.0:7777",
            "255.255.255.255:7777",
            "[2001:db8::1]:7777",
            "[::]:7777",
        ] {
            assert_eq!(
                bad.parse::<Loopback>(),
                Err(NotLoopback::Elsewhere(bad.parse().expect("an address")))
            );
        }
        assert!(matches!(
            "localhost:7777".parse::<Loopback>(),
            Err(NotLoopback::Malformed(_))
        ));
    }
}
