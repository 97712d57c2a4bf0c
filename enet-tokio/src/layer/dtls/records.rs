//! The records of a session whose handshake is over (RFC 6347, section 4.1): sealed and opened with its keys.
//!
//! OpenSSL has some 3 µs for a record, of which the cipher is a sixth: the rest are copies, and ways through its layers. A game's
//! datagram is a record each. So from the end of the handshake on only the cipher is a library's, and a session is no more
//! than its keys and counters.

use bytes::{Bytes, BytesMut};
use ring::aead::{Aad, NONCE_LEN, Nonce};

use super::error::DtlsError;
use super::keys::{Key, Keys, SALT};

/// Type, version, epoch, sequence number, length.
pub(super) const HEADER: usize = 13;

/// The part of a nonce that AES-GCM sends with each record.
const EXPLICIT: usize = 8;

/// The tag of all three ciphers.
const TAG: usize = 16;

/// What a record may carry at most.
const MAX_PLAIN: usize = 16 * 1024;

/// Where datagrams are decrypted; they are cut from it.
const PLAIN: usize = 64 * 1024;

/// What is shorter is copied, as it may wait for long and would keep the buffer of many others.
const SMALL: usize = 512;

/// DTLS 1.2.
const VERSION: [u8; 2] = [0xfe, 0xfd];

/// The epoch of the keys of a handshake. There is no second handshake in a session.
const EPOCH: u16 = 1;

/// Sequence numbers have 48 bits. Who sends a million datagrams a second uses them up in nine years.
const MAX_SEQUENCE: u64 = (1 << 48) - 1;

const CONTENT_ALERT: u8 = 21;
pub(super) const CONTENT_HANDSHAKE: u8 = 22;
const CONTENT_DATA: u8 = 23;

const ALERT_WARNING: u8 = 1;
const ALERT_FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;
const FINISHED: u8 = 20;

/// One record of a datagram, as its header has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) content: u8,
    version: [u8; 2],
    pub(super) epoch: u16,
    sequence: u64,
    payload: &'a [u8],
    /// With its header.
    pub(super) whole: &'a [u8],
}

/// The records of a datagram, up to the first that is cut short.
pub(super) fn records(mut datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let (header, rest) = datagram.split_first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (payload, rest) = rest.split_at_checked(length)?;
        let whole = &datagram[..HEADER + length];
        datagram = rest;
        Some(Record {
            content: header[0],
            version: [header[1], header[2]],
            epoch: u16::from_be_bytes([header[3], header[4]]),
            sequence: number(&header[5..11]),
            payload,
            whole,
        })
    })
}

/// Where the numbers of our records go on: OpenSSL has sealed the end of the handshake with the same keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Next {
    sequence: u64,
    /// The part of the nonce that is sent.
    explicit: u64,
}

impl Next {
    /// Takes note of what OpenSSL sends.
    pub(super) fn saw(&mut self, datagram: &[u8]) {
        for record in records(datagram).filter(|record| record.epoch == EPOCH) {
            self.sequence = record.sequence + 1;
            // OpenSSL begins anywhere and counts from there, so those before and after this one are others.
            self.explicit = number(record.payload.get(..EXPLICIT).unwrap_or(&[])).wrapping_add(1);
        }
    }
}

/// What a record has brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// Data, one datagram of the protocol.
    Data(Bytes),
    /// The end of the other side's handshake once more: it has not had ours.
    Finished,
    /// The session is over.
    Ended(DtlsError),
    /// Nothing that matters.
    Other,
}

/// The state of a session that is up.
#[derive(Debug)]
pub(super) struct Records {
    seal: Key,
    open: Key,
    next: Next,
    window: Window,
}

impl Records {
    pub(super) fn new(keys: Keys, is_server: bool, next: Next) -> Records {
        let (seal, open) = match is_server {
            true => (keys.server, keys.client),
            false => (keys.client, keys.server),
        };
        Records {
            seal,
            open,
            next,
            window: Window::default(),
        }
    }

    /// Whether there are numbers for so many more records.
    pub(super) fn has_numbers(&self, count: usize) -> bool {
        self.next.sequence + count as u64 <= MAX_SEQUENCE
    }

    /// Appends the record that carries `data` to `out`: nothing if it is too long for one, or if all numbers are used up.
    pub(super) fn seal(&mut self, data: &[u8], out: &mut Vec<u8>) {
        self.seal_as(CONTENT_DATA, data, out);
    }

    /// Appends the farewell.
    pub(super) fn seal_close(&mut self, out: &mut Vec<u8>) {
        self.seal_as(CONTENT_ALERT, &[ALERT_WARNING, CLOSE_NOTIFY], out);
    }

    fn seal_as(&mut self, content: u8, plain: &[u8], out: &mut Vec<u8>) {
        let Next { sequence, explicit } = self.next;
        if sequence > MAX_SEQUENCE || plain.len() > MAX_PLAIN {
            return;
        }
        let header = header(content, sequence, plain.len());
        let start = out.len();
        let length = self.seal.explicit() + plain.len() + TAG;
        out.reserve(HEADER + length);
        out.extend_from_slice(&header[..HEADER - 2]);
        out.extend_from_slice(&(length as u16).to_be_bytes());
        let explicit = explicit.to_be_bytes();
        if self.seal.is_explicit {
            out.extend_from_slice(&explicit);
        }
        let body = out.len();
        out.extend_from_slice(plain);
        let nonce = self.seal.nonce(&header, explicit);
        let sealed = self
            .seal
            .cipher
            .seal_in_place_separate_tag(nonce, aad(&header), &mut out[body..]);
        match sealed {
            Ok(tag) => out.extend_from_slice(tag.as_ref()),
            // It never is what makes ring fail: only lengths beyond those above.
            Err(_) => out.truncate(start),
        }
        self.next.sequence += 1;
        self.next.explicit = self.next.explicit.wrapping_add(1);
    }

    /// What a record carries, decrypted in `buffer`. `None` if it is not sealed with the key of this session, came before, or is too old:
    /// then nothing has changed.
    pub(super) fn open(&mut self, record: Record<'_>, buffer: &mut BytesMut) -> Option<Opened> {
        let explicit = self.open.explicit();
        let length = record.payload.len().checked_sub(explicit + TAG)?;
        if record.epoch != EPOCH
            || record.version != VERSION
            || length > MAX_PLAIN
            || !self.window.takes(record.sequence)
        {
            return None;
        }
        let (nonce, sealed) = record.payload.split_at(explicit);
        let header = header(record.content, record.sequence, length);
        let nonce = self.open.nonce(&header, nonce.try_into().unwrap_or_default());
        buffer.clear();
        if buffer.capacity() < sealed.len() {
            buffer.reserve(PLAIN);
        }
        buffer.extend_from_slice(sealed);
        self.open.cipher.open_in_place(nonce, aad(&header), buffer).ok()?;
        self.window.took(record.sequence);
        let plain = &buffer[..length];
        Some(match record.content {
            // Nobody has a use for an empty one.
            CONTENT_DATA if length == 0 => Opened::Other,
            CONTENT_DATA if length < SMALL => Opened::Data(Bytes::copy_from_slice(plain)),
            CONTENT_DATA => Opened::Data(buffer.split_to(length).freeze()),
            CONTENT_ALERT => match plain {
                [_, CLOSE_NOTIFY] => Opened::Ended(DtlsError::Closed),
                [ALERT_FATAL, alert] => Opened::Ended(DtlsError::Refused(alert_name(*alert))),
                _ => Opened::Other,
            },
            CONTENT_HANDSHAKE if plain.first() == Some(&FINISHED) => Opened::Finished,
            // Among them what asks for another handshake, which may be ignored (RFC 5246, section 7.4.1.1).
            _ => Opened::Other,
        })
    }
}

impl Key {
    /// How many bytes of the nonce are sent.
    fn explicit(&self) -> usize {
        if self.is_explicit { EXPLICIT } else { 0 }
    }

    fn nonce(&self, header: &[u8; HEADER], explicit: [u8; EXPLICIT]) -> Nonce {
        let mut nonce = self.fixed;
        if self.is_explicit {
            nonce[SALT..].copy_from_slice(&explicit);
        } else {
            // Epoch and sequence number (RFC 7905).
            let number = &header[3..11];
            for (byte, other) in nonce[NONCE_LEN - number.len()..].iter_mut().zip(number) {
                *byte ^= other;
            }
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Of a record that carries so many bytes.
fn header(content: u8, sequence: u64, length: usize) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[0] = content;
    header[1..3].copy_from_slice(&VERSION);
    header[3..5].copy_from_slice(&EPOCH.to_be_bytes());
    header[5..11].copy_from_slice(&sequence.to_be_bytes()[2..]);
    header[11..].copy_from_slice(&(length as u16).to_be_bytes());
    header
}

/// What is authenticated besides: number, type, version, length (RFC 5246, section 6.2.3.3).
fn aad(header: &[u8; HEADER]) -> Aad<[u8; HEADER]> {
    let mut aad = [0; HEADER];
    aad[..8].copy_from_slice(&header[3..11]);
    aad[8..11].copy_from_slice(&header[..3]);
    aad[11..].copy_from_slice(&header[11..]);
    Aad::from(aad)
}

/// Which numbers came already: those of a moment ago, and all before them (RFC 6347, section 4.1.2.6).
#[derive(Debug, Default)]
struct Window {
    /// One more than the highest.
    end: u64,
    /// The lowest bit is the highest number.
    seen: u128,
}

impl Window {
    /// Whether this number may be taken.
    fn takes(&self, sequence: u64) -> bool {
        match self.end.checked_sub(sequence + 1) {
            None => true,
            Some(back) => back < u64::from(u128::BITS) && self.seen >> back & 1 == 0,
        }
    }

    fn took(&mut self, sequence: u64) {
        match self.end.checked_sub(sequence + 1) {
            None => {
                let by = u32::try_from(sequence + 1 - self.end).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(by).unwrap_or(0) | 1;
                self.end = sequence + 1;
            }
            Some(back) => self.seen |= 1 << back,
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The names of the alerts that may come in a session (RFC 5246, section 7.2).
fn alert_name(alert: u8) -> String {
    let name = match alert {
        10 => "unexpected message",
        20 => "bad record mac",
        22 => "record overflow",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "certificate revoked",
        45 => "certificate expired",
        46 => "certificate unknown",
        47 => "illegal parameter",
        48 => "unknown ca",
        49 => "access denied",
        50 => "decode error",
        51 => "decrypt error",
        80 => "internal error",
        90 => "user canceled",
        _ => return format!("alert {alert}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_once_and_not_when_it_is_too_old() {
        let mut window = Window::default();
        let mut takes = |sequence| {
            let takes = window.takes(sequence);
            if takes {
                window.took(sequence);
            }
            takes
        };
        assert!(takes(0) && takes(2) && takes(1));
        assert!(!takes(0) && !takes(1) && !takes(2));
        // 127 numbers behind the highest are remembered.
        assert!(takes(200) && takes(73) && !takes(73) && !takes(72));
        assert!(takes(199) && !takes(200));
        assert!(takes(MAX_SEQUENCE) && !takes(MAX_SEQUENCE) && takes(MAX_SEQUENCE - 127) && !takes(199));
    }

    #[test]
    fn our_numbers_go_on_behind_those_of_the_handshake() {
        let mut next = Next::default();
        let mut finished = vec![CONTENT_HANDSHAKE, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 4, 0, 8];
        finished.extend([0xff; 8]);
        // What is in the clear has numbers of its own.
        finished.extend([CONTENT_HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0]);
        next.saw(&finished);
        assert_eq!((next.sequence, next.explicit), (5, 0));
    }
}
