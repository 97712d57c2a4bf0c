//! The first message of a DTLS handshake, and the answer to it that keeps no state (RFC 6347, section 4.2.1).

use std::hash::Hasher;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use enet_proto::Time;
use siphasher::sip128::{Hasher128, SipHasher24};

/// Type, version, epoch, sequence number, length.
const RECORD_HEADER: usize = 13;
/// Type, length, message number, fragment's offset and length.
const HANDSHAKE_HEADER: usize = 12;
/// Version and random number of a ClientHello.
const HELLO_PREFIX: usize = 34;

const CONTENT_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY_REQUEST: u8 = 3;
/// DTLS 1.0, which a HelloVerifyRequest names whatever comes to be negotiated.
const VERSION_1_0: [u8; 2] = [0xfe, 0xff];

/// Bytes of a cookie.
const COOKIE: usize = 16;

/// How long a key makes cookies; it is good for as long again.
const KEY_TIME: Duration = Duration::from_secs(60);

/// A ClientHello that came whole in one record, as all are that are not absurdly long.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientHello<'a> {
    /// Version, random number and session id.
    opening: &'a [u8],
    pub(super) cookie: &'a [u8],
    /// Cipher suites, compression, extensions.
    offers: &'a [u8],
    /// Version of the record.
    version: [u8; 2],
    sequence: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Whether a datagram begins with a handshake in the clear whose message is a ClientHello; it may be malformed.
    pub(super) fn is_one(datagram: &[u8]) -> bool {
        let in_the_clear = datagram.get(3..5) == Some(&[0, 0]);
        datagram.first() == Some(&CONTENT_HANDSHAKE)
            && in_the_clear
            && datagram.get(RECORD_HEADER) == Some(&CLIENT_HELLO)
    }

    pub(super) fn parse(datagram: &'a [u8]) -> Option<ClientHello<'a>> {
        if !ClientHello::is_one(datagram) {
            return None;
        }
        let (header, rest) = datagram.split_at_checked(RECORD_HEADER)?;
        let record = rest.get(..usize::from(u16::from_be_bytes([header[11], header[12]])))?;
        let (handshake, body) = record.split_at_checked(HANDSHAKE_HEADER)?;
        let length = three_bytes(&handshake[1..4]);
        let whole = three_bytes(&handshake[6..9]) == 0 && three_bytes(&handshake[9..12]) == length;
        if !whole || body.len() != length {
            return None;
        }
        let id = usize::from(*body.get(HELLO_PREFIX)?);
        let (opening, rest) = body.split_at_checked(HELLO_PREFIX + 1 + id)?;
        let (&cookie, rest) = rest.split_first()?;
        let (cookie, offers) = rest.split_at_checked(usize::from(cookie))?;
        Some(ClientHello {
            opening,
            cookie,
            offers,
            version: [header[1], header[2]],
            sequence: &header[5..11],
        })
    }

    /// What tells one attempt of a client from its next.
    pub(super) fn random(&self) -> [u8; 32] {
        let mut random = [0; 32];
        random.copy_from_slice(&self.opening[2..HELLO_PREFIX]);
        random
    }

    /// The datagram by which the client began, before it had a cookie: the same but for that. None if this one's number leaves no
    /// room for an earlier one.
    pub(super) fn first(&self) -> Option<Vec<u8>> {
        if self.sequence.iter().all(|&byte| byte == 0) {
            return None;
        }
        let length = self.opening.len() + 1 + self.offers.len();
        let mut datagram = Vec::with_capacity(RECORD_HEADER + HANDSHAKE_HEADER + length);
        record(&mut datagram, self.version, HANDSHAKE_HEADER + length);
        handshake(&mut datagram, CLIENT_HELLO, length);
        datagram.extend_from_slice(self.opening);
        datagram.push(0);
        datagram.extend_from_slice(self.offers);
        Some(datagram)
    }
}

/// Makes and knows cookies. One proves that its bearer receives what is sent to its address, for two minutes at most.
#[derive(Debug)]
pub(super) struct Cookies {
    keys: [[u8; 16]; 2],
    since: Time,
}

impl Cookies {
    /// `keys` are secrets.
    pub(super) fn new(now: Time, keys: [[u8; 16]; 2]) -> Cookies {
        Cookies { keys, since: now }
    }

    /// Whether the key is to be replaced.
    pub(super) fn are_stale(&self, now: Time) -> bool {
        now.saturating_since(self.since) >= KEY_TIME
    }

    /// Begins with a new key.
    pub(super) fn renew(&mut self, now: Time, key: [u8; 16]) {
        // After a pause the former one is too old as well.
        let long = now.saturating_since(self.since) >= 2 * KEY_TIME;
        let former = if long { key } else { self.keys[0] };
        self.keys = [key, former];
        self.since = now;
    }

    pub(super) fn cookie(&self, from: SocketAddr, hello: &ClientHello<'_>) -> [u8; COOKIE] {
        made(&self.keys[0], from, hello)
    }

    /// Whether a ClientHello carries a cookie that was made for it.
    pub(super) fn prove(&self, from: SocketAddr, hello: &ClientHello<'_>) -> bool {
        // Who could tell how many bytes are right by the time it takes has no second try with the same key worth having, but
        // comparing without a branch costs nothing.
        self.keys.iter().any(|key| {
            let expected = made(key, from, hello);
            let differing = expected.iter().zip(hello.cookie).fold(0, |sum, (a, b)| sum | (a ^ b));
            hello.cookie.len() == COOKIE && differing == 0
        })
    }
}

/// The answer to a ClientHello without a cookie: at most as long as that was.
pub(super) fn hello_verify_request(cookie: &[u8; COOKIE]) -> Vec<u8> {
    let length = VERSION_1_0.len() + 1 + COOKIE;
    let mut datagram = Vec::with_capacity(RECORD_HEADER + HANDSHAKE_HEADER + length);
    // Always number 0, also where the ClientHello had a later one: the session that follows counts from 1, and a client takes no
    // number twice.
    record(&mut datagram, VERSION_1_0, HANDSHAKE_HEADER + length);
    handshake(&mut datagram, HELLO_VERIFY_REQUEST, length);
    datagram.extend_from_slice(&VERSION_1_0);
    datagram.push(COOKIE as u8);
    datagram.extend_from_slice(cookie);
    datagram
}

fn record(datagram: &mut Vec<u8>, version: [u8; 2], length: usize) {
    datagram.push(CONTENT_HANDSHAKE);
    datagram.extend_from_slice(&version);
    // Epoch and number.
    datagram.extend_from_slice(&[0; 8]);
    datagram.extend_from_slice(&(length as u16).to_be_bytes());
}

fn handshake(datagram: &mut Vec<u8>, kind: u8, length: usize) {
    let length = (length as u32).to_be_bytes();
    datagram.push(kind);
    datagram.extend_from_slice(&length[1..]);
    // The message's number and the fragment's offset.
    datagram.extend_from_slice(&[0; 5]);
    datagram.extend_from_slice(&length[1..]);
}

fn made(key: &[u8; 16], from: SocketAddr, hello: &ClientHello<'_>) -> [u8; COOKIE] {
    let mut hasher = SipHasher24::new_with_key(key);
    match from.ip() {
        IpAddr::V4(ip) => hasher.write(&ip.octets()),
        IpAddr::V6(ip) => hasher.write(&ip.octets()),
    }
    hasher.write(&from.port().to_be_bytes());
    hasher.write(hello.opening);
    hasher.write(hello.offers);
    hasher.finish128().as_u128().to_be_bytes()
}

fn three_bytes(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// A ClientHello with this cookie.
    fn hello(cookie: &[u8]) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend_from_slice(&[7; 32]);
        body.push(0);
        body.push(cookie.len() as u8);
        body.extend_from_slice(cookie);
        body.extend_from_slice(&[0, 2, 0xc0, 0x2b, 1, 0]);
        let mut datagram = Vec::new();
        record(&mut datagram, VERSION_1_0, HANDSHAKE_HEADER + body.len());
        handshake(&mut datagram, CLIENT_HELLO, body.len());
        datagram.extend_from_slice(&body);
        datagram
    }

    fn cookies() -> Cookies {
        Cookies::new(Time::ZERO, [[1; 16], [2; 16]])
    }

    #[test]
    fn the_first_hello_is_found_again_in_the_second() {
        let first = hello(b"");
        let mut second = hello(&[9; 16]);
        second[10] = 1;
        let parsed = ClientHello::parse(&second).expect("a hello");
        assert_eq!(parsed.cookie, [9; 16]);
        assert_eq!(parsed.first(), Some(first));
        assert_eq!(parsed.random(), [7; 32]);
    }

    #[test]
    fn a_hello_that_is_cut_short_or_lies_about_its_lengths_is_none() {
        let whole = hello(&[9; 16]);
        for length in 0..whole.len() {
            assert!(ClientHello::parse(&whole[..length]).is_none(), "{length}");
        }
        for at in [11, 12, 14, 15, 16, 19, 20, 21, 22, 23, 24] {
            let mut lying = whole.clone();
            lying[at] ^= 1;
            assert!(ClientHello::parse(&lying).is_none(), "{at}");
        }
    }

    #[test]
    fn a_cookie_holds_for_its_address_and_its_hello_alone() {
        let cookies = cookies();
        let first = hello(b"");
        let cookie = cookies.cookie(from(1), &ClientHello::parse(&first).expect("a hello"));
        let mut second = hello(&cookie);
        let proves = |port, datagram: &[u8]| cookies.prove(from(port), &ClientHello::parse(datagram).expect("a hello"));
        assert!(proves(1, &second));
        assert!(!proves(2, &second));
        assert!(!proves(1, &first));
        second[30] ^= 1;
        assert!(!proves(1, &second));
    }

    #[test]
    fn a_cookie_outlives_one_change_of_keys_and_no_second() {
        let mut cookies = cookies();
        let first = hello(b"");
        let second = hello(&cookies.cookie(from(1), &ClientHello::parse(&first).expect("a hello")));
        let second = ClientHello::parse(&second).expect("a hello");
        let later = Time::ZERO + KEY_TIME;
        assert!(!cookies.are_stale(Time::from_millis(59_000)) && cookies.are_stale(later));
        cookies.renew(later, [3; 16]);
        assert!(cookies.prove(from(1), &second));
        cookies.renew(later + KEY_TIME, [4; 16]);
        assert!(!cookies.prove(from(1), &second));
    }

    #[test]
    fn the_answer_is_no_longer_than_the_question() {
        assert!(hello_verify_request(&[0; COOKIE]).len() <= hello(b"").len());
    }
}
