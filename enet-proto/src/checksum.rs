//! The checksum that hosts may agree to put in every datagram.
//!
//! It is a CRC-32 (IEEE 802.3, as in zlib) over the header, a seed in the place of the checksum itself, and the commands as
//! they are *before* compression, while the header's compression flag is already the one that travels. So a sender compresses
//! first, to know the flag, and takes the sum over the uncompressed commands; a receiver opens them first and then compares.
//!
//! The seed is the connection's id, byte for byte as in CONNECT, where the header names a peer; else, so with CONNECT itself,
//! it is [`NO_SEED`].

/// The length of the field between the header and the commands, in bytes.
pub const CHECKSUM_SIZE: usize = 4;

/// The seed of datagrams that are not addressed to a peer id.
pub const NO_SEED: [u8; CHECKSUM_SIZE] = [0; CHECKSUM_SIZE];

/// The bytes to put between `header` and the commands: the big-endian checksum.
#[must_use]
pub fn seal(header: &[u8], seed: [u8; CHECKSUM_SIZE], commands: &[u8]) -> [u8; CHECKSUM_SIZE] {
    datagram_checksum(header, seed, commands).to_be_bytes()
}

/// Whether `received`, the bytes between `header` and the commands, is what [`seal`] makes.
#[must_use]
pub fn verify(header: &[u8], received: [u8; CHECKSUM_SIZE], seed: [u8; CHECKSUM_SIZE], commands: &[u8]) -> bool {
    seal(header, seed, commands) == received
}

/// The checksum of a datagram with this header and these uncompressed commands.
#[must_use]
pub fn datagram_checksum(header: &[u8], seed: [u8; CHECKSUM_SIZE], commands: &[u8]) -> u32 {
    crc32(&[header, &seed, commands])
}

/// The CRC-32 of the parts one after the other.
#[must_use]
pub fn crc32(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc_32_holds_however_it_is_cut() {
        assert_eq!(crc32(&[b"123456789"]), 0xCBF4_3926);
        assert_eq!(crc32(&[b"1234", b"", b"56789"]), 0xCBF4_3926);
        assert_eq!(crc32(&[]), 0);
    }

    /// A datagram between two C hosts.
    #[test]
    fn a_sum_by_the_c_library_is_the_same() {
        let (header, seed) = ([0x80, 0x00, 0x08, 0x77], [0x8C, 0xD5, 0x4D, 0xE3]);
        let commands = [0x01, 0xFF, 0x00, 0x01, 0x00, 0x01, 0x08, 0x76, 0x85, 0xFF, 0x00, 0x02];
        let checksum = [0xFA, 0x47, 0x03, 0x7E];
        assert_eq!(seal(&header, seed, &commands), checksum);
        assert!(verify(&header, checksum, seed, &commands));
        assert!(!verify(&header, checksum, NO_SEED, &commands));
    }
}
