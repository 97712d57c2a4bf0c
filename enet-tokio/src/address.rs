//! Addresses as people and programs write them: an IP address or a host name, and a port.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use thiserror::Error;
use tokio::net::lookup_host;

use crate::socket::address::{canonical, interleave};

/// The longest host name, in bytes, and the longest part of one between two dots (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// What is wrong with most of what has one colon too many.
const COLON: &str = "a host name has no colon in it";

/// An IP address or a host name, and a port: where to connect to, or where to listen.
///
/// What is wrong with a text is found when the address is made of it. Only whether a name has addresses takes time to find out:
/// [`resolve`](Address::resolve).
///
/// ```
/// use enet_tokio::Address;
///
/// let local: Address = "[::1]:7777".parse()?;
/// assert_eq!(local.known().map(<[_]>::len), Some(1));
/// let named = Address::with_default_port("game.example", 7777)?;
/// assert_eq!((named.host_name(), named.port()), (Some("game.example"), Some(7777)));
/// let error = "enet://game.example:7777".parse::<Address>().unwrap_err();
/// assert_eq!(error.to_string(), "\"enet://game.example:7777\" is a URL: leave out \"enet://\"");
/// # Ok::<(), enet_tokio::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// As it was written.
    text: String,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// Nothing is to be looked up. There may be several, to be tried in this order.
    Known(Vec<SocketAddr>),
    Named {
        host: String,
        port: u16,
    },
}

/// What is wrong with an address. The message names the text and says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no text, or the list of addresses is empty.
    #[error("no address is given")]
    Empty,
    /// It begins with a scheme, as `enet://` or `udp://`.
    #[error("{text:?} is a URL: leave out \"{scheme}://\"")]
    Url {
        /// What was given.
        text: String,
        /// What is before `://`.
        scheme: String,
    },
    /// It has no port.
    #[error("{text:?} has no port: write \"{}:7777\" for port 7777", bracketed(text))]
    NoPort {
        /// What was given.
        text: String,
    },
    /// What is behind the last colon is no port.
    #[error("{port:?} in {text:?} is no port: it must be a number up to 65535")]
    BadPort {
        /// What was given.
        text: String,
        /// The part that should be the port.
        port: String,
    },
    /// Nobody can be reached at port 0.
    #[error("{text:?}: nobody can be reached at port 0")]
    PortZero {
        /// What was given.
        text: String,
    },
    /// A multicast address has no single host behind it.
    #[error("{text:?} is a multicast address: ENet speaks with one host at a time")]
    Multicast {
        /// What was given.
        text: String,
    },
    /// It is neither an IP address nor a possible host name.
    #[error("{text:?} is no IP address and no host name: {why}")]
    BadName {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Why a host name led to no address.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The system could not look it up: there is no such name, or no name server answers.
    #[error("cannot resolve {host:?}: {source}")]
    Failed {
        /// The name.
        host: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// There is such a name, and it has no address.
    #[error("{host:?} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
}

/// What can be taken for an [`Address`]: texts such as `"game.example:7777"` and `"[::1]:7777"`, pairs of a host and a port, socket
/// addresses, and lists of them.
pub trait ToAddress {
    /// The address.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    fn to_address(&self) -> Result<Address, AddressError>;
}

impl Address {
    /// An address of an IP address, with or without brackets, or a host name, and a port.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub fn new(host: &str, port: u16) -> Result<Address, AddressError> {
        check_text(host)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let place = place(host, bare.unwrap_or(host), port)?;
        let text = format!("{}:{port}", bracketed(host));
        Ok(Address { text, place })
    }

    /// The address of a text that may leave the port out.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub fn with_default_port(text: &str, port: u16) -> Result<Address, AddressError> {
        Address::parse(text, Some(port))
    }

    fn parse(text: &str, default_port: Option<u16>) -> Result<Address, AddressError> {
        check_text(text)?;
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let (host, port) = split(text)?;
        let port = match port {
            Some(port) => parse_port(text, port)?,
            None => default_port.ok_or_else(|| AddressError::NoPort { text: text.to_owned() })?,
        };
        Ok(Address {
            text: text.to_owned(),
            place: place(text, host, port)?,
        })
    }

    /// The addresses, if there is nothing to look up.
    #[must_use]
    pub fn known(&self) -> Option<&[SocketAddr]> {
        match &self.place {
            Place::Known(addresses) => Some(addresses),
            Place::Named { .. } => None,
        }
    }

    /// The host name, if it is one.
    #[must_use]
    pub fn host_name(&self) -> Option<&str> {
        match &self.place {
            Place::Known(_) => None,
            Place::Named { host, .. } => Some(host),
        }
    }

    /// The port; `None` for a list of addresses that differ in it.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.place {
            Place::Known(addresses) => {
                let first = addresses.first()?.port();
                addresses.iter().all(|address| address.port() == first).then_some(first)
            }
            Place::Named { port, .. } => Some(*port),
        }
    }

    /// Looks up a host name with the system's resolver: its addresses in the order in which to try them, IPv6 and IPv4 by turns
    /// (RFC 8305 section 4), at least one.
    ///
    /// # Errors
    ///
    /// If there is no such name, or none can be looked up now.
    ///
    /// # Cancel safety
    ///
    /// When dropped, a thread of the runtime may go on to look for a while.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, ResolveError> {
        let (host, port) = match &self.place {
            Place::Known(addresses) => return Ok(addresses.clone()),
            Place::Named { host, port } => (host.as_str(), *port),
        };
        let found = lookup_host((host, port)).await.map_err(|source| ResolveError::Failed {
            host: host.to_owned(),
            source,
        })?;
        let found = interleave(found.map(canonical));
        if found.is_empty() {
            return Err(ResolveError::NoAddress { host: host.to_owned() });
        }
        Ok(found)
    }

    /// The address together with those that it was [resolved](Address::resolve) to, for messages.
    #[must_use]
    pub fn describe(&self, addresses: &[SocketAddr]) -> String {
        let list: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
        match &list[..] {
            [only] if *only == self.text => self.text.clone(),
            _ if self.known().is_some() => list.join(", "),
            _ => format!("{} ({})", self.text, list.join(", ")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        Address::parse(text, None)
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address {
            text: address.to_string(),
            place: Place::Known(vec![address]),
        }
    }
}

impl<T: ToAddress + ?Sized> ToAddress for &T {
    fn to_address(&self) -> Result<Address, AddressError> {
        (**self).to_address()
    }
}

impl ToAddress for Address {
    fn to_address(&self) -> Result<Address, AddressError> {
        Ok(self.clone())
    }
}

impl ToAddress for str {
    fn to_address(&self) -> Result<Address, AddressError> {
        self.parse()
    }
}

impl ToAddress for String {
    fn to_address(&self) -> Result<Address, AddressError> {
        self.parse()
    }
}

impl ToAddress for (&str, u16) {
    fn to_address(&self) -> Result<Address, AddressError> {
        Address::new(self.0, self.1)
    }
}

impl ToAddress for (String, u16) {
    fn to_address(&self) -> Result<Address, AddressError> {
        Address::new(&self.0, self.1)
    }
}

impl ToAddress for [SocketAddr] {
    fn to_address(&self) -> Result<Address, AddressError> {
        let list: Vec<String> = self.iter().map(SocketAddr::to_string).collect();
        if list.is_empty() {
            return Err(AddressError::Empty);
        }
        Ok(Address {
            text: list.join(", "),
            place: Place::Known(self.to_vec()),
        })
    }
}

impl ToAddress for Vec<SocketAddr> {
    fn to_address(&self) -> Result<Address, AddressError> {
        self[..].to_address()
    }
}

macro_rules! to_address_by_copy {
    ($($type:ty),*) => {$(
        impl ToAddress for $type {
            fn to_address(&self) -> Result<Address, AddressError> {
                Ok(SocketAddr::from(*self).into())
            }
        }
    )*};
}

to_address_by_copy!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

/// Whether an address can be one of another host.
pub(crate) fn check_destination(address: SocketAddr) -> Result<(), AddressError> {
    check_unicast(address)?;
    if address.port() == 0 {
        let text = address.to_string();
        return Err(AddressError::PortZero { text });
    }
    Ok(())
}

/// Whether an address can be one of a host, this or another.
pub(crate) fn check_unicast(address: SocketAddr) -> Result<(), AddressError> {
    if canonical(address).ip().is_multicast() {
        let text = address.to_string();
        return Err(AddressError::Multicast { text });
    }
    Ok(())
}

/// Looks for what no address has, in whichever form it is written.
fn check_text(text: &str) -> Result<(), AddressError> {
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(AddressError::Url {
            text: text.to_owned(),
            scheme: scheme.to_owned(),
        });
    }
    if text.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return Err(bad_name(text, "it has a blank in it"));
    }
    Ok(())
}

/// Host, without brackets, and port of a text.
fn split(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or_else(|| bad_name(text, "the bracket is not closed"))?;
        if !host.contains(':') {
            return Err(bad_name(text, "brackets are for IPv6 addresses"));
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(bad_name(text, "only a colon and a port may be behind the bracket")),
        };
    }
    match text.split_once(':') {
        None => Ok((text, None)),
        Some((_, rest)) if rest.contains(':') => {
            // An IPv6 address without a port, or nothing of use.
            let ip = text.split('%').next().unwrap_or(text);
            match ip.parse::<Ipv6Addr>() {
                Ok(_) => Ok((text, None)),
                Err(_) => Err(bad_name(text, COLON)),
            }
        }
        Some((host, "")) => Err(AddressError::NoPort { text: host.to_owned() }),
        Some((host, port)) => Ok((host, Some(port))),
    }
}

fn parse_port(text: &str, port: &str) -> Result<u16, AddressError> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse()
        .ok()
        .filter(|_| is_number)
        .ok_or_else(|| AddressError::BadPort {
            text: text.to_owned(),
            port: port.to_owned(),
        })
}

/// The place of a host that has no brackets. `text` is where it was found.
fn place(text: &str, host: &str, port: u16) -> Result<Place, AddressError> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Place::Known(vec![SocketAddr::new(ip, port)]));
    }
    // The standard library reads the zone of an address only where it is a number and has brackets and a port.
    if let Some((ip, zone)) = host.split_once('%') {
        if ip.parse::<Ipv6Addr>().is_err() || zone.is_empty() {
            return Err(bad_name(text, "a zone is for IPv6 addresses"));
        }
        return Ok(match format!("[{host}]:{port}").parse() {
            Ok(address) => Place::Known(vec![address]),
            // The system knows the interfaces by their names.
            Err(_) => Place::Named {
                host: host.to_owned(),
                port,
            },
        });
    }
    check_name(host).map_err(|why| bad_name(text, why))?;
    Ok(Place::Named {
        host: host.to_owned(),
        port,
    })
}

/// Whether a name can be one of a host; else why not.
fn check_name(name: &str) -> Result<(), &'static str> {
    // The dot that says that a name is complete.
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err("the host is missing");
    }
    if name.contains(':') {
        return Err(COLON);
    }
    let is_possible = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.') || !char.is_ascii();
    if !name.chars().all(is_possible) {
        return Err("a host name has letters, digits, hyphens and dots in it");
    }
    let length = |label: &str| (1..=LONGEST_LABEL).contains(&label.len());
    if name.len() > LONGEST_NAME || !name.split('.').all(length) {
        return Err("a host name has at most 253 characters, and 1 to 63 between dots");
    }
    // Resolvers take "1.2.3" for 1.2.0.3, which nobody means.
    let last = name.rsplit('.').next().unwrap_or(name);
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("an IPv4 address has four numbers up to 255, and no host name ends in one");
    }
    Ok(())
}

fn bad_name(text: &str, why: &'static str) -> AddressError {
    AddressError::BadName {
        text: text.to_owned(),
        why,
    }
}

/// A host as it stands before a colon and a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Option<String> {
        let address = text.parse::<Address>().ok()?;
        address.known().map(|known| known[0].to_string())
    }

    fn error(text: &str) -> String {
        match text.parse::<Address>() {
            Ok(address) => panic!("{address:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn ip_addresses_need_no_looking_up() {
        for text in ["127.0.0.1:7777", "[::1]:7777", "[fe80::1%3]:7777"] {
            assert_eq!(known(text).as_deref(), Some(text));
        }
        for (host, shown) in [
            ("::1", "[::1]:9"),
            ("[::1]", "[::1]:9"),
            ("10.0.0.1", "10.0.0.1:9"),
            ("fe80::1%3", "[fe80::1%3]:9"),
        ] {
            for address in [Address::new(host, 9), Address::with_default_port(host, 9)] {
                let address = address.unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(
                    address.known().map(|known| known[0].to_string()).as_deref(),
                    Some(shown)
                );
                assert_eq!(address.port(), Some(9));
            }
        }
    }

    #[test]
    fn names_are_kept_as_they_are() {
        for name in [
            "localhost",
            "game.example",
            "a-b.c_d.example.",
            "münchen.example",
            "4players",
        ] {
            let text = format!("{name}:80");
            let address: Address = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                (address.host_name(), address.port(), address.to_string()),
                (Some(name), Some(80), text)
            );
        }
        let zone: Address = "[fe80::1%eth0]:80".parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(zone.host_name(), Some("fe80::1%eth0"));
    }

    #[test]
    fn what_is_wrong_is_named_with_the_text() {
        for (text, message) in [
            ("", "no address is given"),
            ("enet://a:1", "\"enet://a:1\" is a URL: leave out \"enet://\""),
            (
                "localhost",
                "\"localhost\" has no port: write \"localhost:7777\" for port 7777",
            ),
            (
                "localhost:",
                "\"localhost\" has no port: write \"localhost:7777\" for port 7777",
            ),
            ("::1", "\"::1\" has no port: write \"[::1]:7777\" for port 7777"),
            ("[::1]", "\"[::1]\" has no port: write \"[::1]:7777\" for port 7777"),
            (
                "a:65536",
                "\"65536\" in \"a:65536\" is no port: it must be a number up to 65535",
            ),
            ("a:+8", "\"+8\" in \"a:+8\" is no port: it must be a number up to 65535"),
            (
                "a:http",
                "\"http\" in \"a:http\" is no port: it must be a number up to 65535",
            ),
        ] {
            assert_eq!(error(text), message);
        }
        for (text, why) in [
            (" localhost:7", "a blank"),
            ("local host:7", "a blank"),
            ("localhost:7\n", "a blank"),
            (":7", "the host is missing"),
            ("a..b:7", "between dots"),
            ("a/b:7", "letters, digits, hyphens"),
            ("host:7:7", "no colon"),
            ("user@host:7", "letters, digits, hyphens"),
            ("256.1.1.1:7", "four numbers"),
            ("1.2.3:7", "four numbers"),
            ("[::1:7", "not closed"),
            ("[::1]7", "behind the bracket"),
            ("[localhost]:7", "for IPv6"),
        ] {
            let error = error(text);
            assert!(
                error.starts_with(&format!("{text:?} is no IP address and no host name: ")),
                "{error}"
            );
            assert!(error.contains(why), "{error}");
        }
        let long = "a".repeat(64);
        assert!(error(&format!("{long}:7")).contains("63"));
        let colon = Address::new("host:7777", 7777).map_err(|error| error.to_string());
        assert_eq!(
            colon,
            Err("\"host:7777\" is no IP address and no host name: a host name has no colon in it".to_owned())
        );
    }

    #[test]
    fn nobody_is_at_port_0_and_none_is_many() {
        for (address, is_wrong) in [
            ("127.0.0.1:0", "port 0"),
            ("224.0.0.1:7", "multicast"),
            ("[ff02::1]:7", "multicast"),
            ("[::ffff:224.0.0.1]:7", "multicast"),
        ] {
            let address = address.parse().unwrap_or_else(|error| panic!("{error}"));
            let error = check_destination(address).map_err(|error| error.to_string());
            assert!(error.is_err_and(|error| error.contains(is_wrong)));
        }
        let broadcast = SocketAddr::from(([255, 255, 255, 255], 7));
        assert_eq!(check_destination(broadcast), Ok(()), "whoever is there first");
    }

    #[tokio::test]
    async fn a_name_is_resolved_to_its_addresses_and_an_unknown_one_is_named() {
        let local: Address = "localhost:7".parse().unwrap_or_else(|error| panic!("{error}"));
        let found = local.resolve().await.unwrap_or_else(|error| panic!("{error}"));
        assert!(
            found
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 7)
        );
        assert!(!found.is_empty());
        // No name ends in this (RFC 6761).
        let nowhere: Address = "nowhere.invalid:7".parse().unwrap_or_else(|error| panic!("{error}"));
        let error = nowhere.resolve().await.map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.starts_with("cannot resolve \"nowhere.invalid\": ")));
    }

    #[test]
    fn several_addresses_are_shown_with_the_name() {
        let addresses = ["127.0.0.1:7", "[::1]:7"].map(|text| text.parse().unwrap_or_else(|error| panic!("{error}")));
        let named: Address = "localhost:7".parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(named.describe(&addresses), "localhost:7 (127.0.0.1:7, [::1]:7)");
        let list = addresses
            .to_vec()
            .to_address()
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(list.describe(&addresses), "127.0.0.1:7, [::1]:7");
        assert_eq!(Address::from(addresses[0]).describe(&addresses[..1]), "127.0.0.1:7");
    }
}
