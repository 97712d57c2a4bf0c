//! The keys of a session, from the secret that its handshake has agreed on (RFC 5246, sections 5 and 6.3).

use openssl::ssl::SslRef;
use ring::aead::{AES_128_GCM, AES_256_GCM, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, UnboundKey};
use ring::hmac;

use super::error::DtlsError;

/// The secret that both sides have after a handshake.
const MASTER_SECRET: usize = 48;
const RANDOM: usize = 32;

/// Of the nonces of AES-GCM the part that is a key's and is not sent (RFC 5288).
pub(super) const SALT: usize = 4;

/// What of a cipher suite matters after the handshake.
#[derive(Clone, Copy, Debug)]
struct Suite {
    cipher: &'static Algorithm,
    prf: hmac::Algorithm,
    /// How much of a nonce comes with the keys; the rest is sent in each record.
    fixed: usize,
}

impl Suite {
    /// By OpenSSL's name of it: those that `settings` offers.
    fn named(name: &str) -> Option<Suite> {
        let (cipher, prf, fixed) = match name {
            "ECDHE-ECDSA-AES128-GCM-SHA256" | "ECDHE-RSA-AES128-GCM-SHA256" => (&AES_128_GCM, hmac::HMAC_SHA256, SALT),
            "ECDHE-ECDSA-AES256-GCM-SHA384" | "ECDHE-RSA-AES256-GCM-SHA384" => (&AES_256_GCM, hmac::HMAC_SHA384, SALT),
            "ECDHE-ECDSA-CHACHA20-POLY1305" | "ECDHE-RSA-CHACHA20-POLY1305" => {
                (&CHACHA20_POLY1305, hmac::HMAC_SHA256, NONCE_LEN)
            }
            _ => return None,
        };
        Some(Suite { cipher, prf, fixed })
    }
}

/// The key of one direction.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) cipher: LessSafeKey,
    /// The part of each nonce that is not sent, from its front; zeros behind it.
    pub(super) fixed: [u8; NONCE_LEN],
    /// Whether the rest of a nonce is sent in the record, as with AES-GCM.
    pub(super) is_explicit: bool,
}

/// The keys of both directions.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) client: Key,
    pub(super) server: Key,
}

impl Keys {
    /// Of a session whose handshake is over.
    pub(super) fn of(ssl: &SslRef) -> Result<Keys, DtlsError> {
        let none = |what: &str| DtlsError::Other(format!("OpenSSL does not tell the {what} of a session"));
        let suite = ssl.current_cipher().and_then(|cipher| Suite::named(cipher.name()));
        let suite = suite.ok_or_else(|| none("cipher suite"))?;
        let mut secret = [0; MASTER_SECRET];
        let length = ssl.session().map(|session| session.master_key(&mut secret));
        if length != Some(MASTER_SECRET) {
            return Err(none("secret"));
        }
        let mut randoms = [0; 2 * RANDOM];
        let (server, client) = randoms.split_at_mut(RANDOM);
        if ssl.server_random(server) != RANDOM || ssl.client_random(client) != RANDOM {
            return Err(none("random numbers"));
        }
        Keys::derive(suite, &secret, &randoms).ok_or_else(|| none("keys"))
    }

    /// `randoms` are the server's and the client's, in this order. Suites with authenticated encryption have no keys besides.
    fn derive(suite: Suite, secret: &[u8], randoms: &[u8; 2 * RANDOM]) -> Option<Keys> {
        let key_length = suite.cipher.key_len();
        let mut block = vec![0; 2 * (key_length + suite.fixed)];
        prf(suite.prf, secret, b"key expansion", randoms, &mut block);
        let (keys, nonces) = block.split_at(2 * key_length);
        let key = |which: usize| {
            let cipher = UnboundKey::new(suite.cipher, &keys[which * key_length..][..key_length]).ok()?;
            let mut fixed = [0; NONCE_LEN];
            fixed[..suite.fixed].copy_from_slice(&nonces[which * suite.fixed..][..suite.fixed]);
            Some(Key {
                cipher: LessSafeKey::new(cipher),
                fixed,
                is_explicit: suite.fixed < NONCE_LEN,
            })
        };
        Some(Keys {
            client: key(0)?,
            server: key(1)?,
        })
    }
}

/// The pseudorandom function of TLS 1.2 (RFC 5246, section 5): fills `out`.
fn prf(algorithm: hmac::Algorithm, secret: &[u8], label: &[u8], seed: &[u8], out: &mut [u8]) {
    let key = hmac::Key::new(algorithm, secret);
    let sign = |parts: &[&[u8]]| {
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(part);
        }
        context.sign()
    };
    let mut a = sign(&[label, seed]);
    for chunk in out.chunks_mut(algorithm.digest_algorithm().output_len()) {
        chunk.copy_from_slice(&sign(&[a.as_ref(), label, seed]).as_ref()[..chunk.len()]);
        a = sign(&[a.as_ref()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("digits");
        digits.chunks(2).map(byte).collect()
    }

    /// The vectors that the IETF's TLS working group has on its list, "TLS 1.2 PRF test vectors".
    #[test]
    fn the_pseudorandom_function_gives_what_the_published_vectors_say() {
        let vectors = [
            (
                hmac::HMAC_SHA256,
                "9bbe436ba940f017b17652849a71db35",
                "a0ba9f936cda311827a6f796ffd5198c",
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa0\
                 22f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66",
            ),
            (
                hmac::HMAC_SHA384,
                "b80b733d6ceefcdc71566ea48e5567df",
                "cd665cf6a8447dd6ff8b27555edb7465",
                "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534\
                 cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd\
                 4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f",
            ),
        ];
        for (algorithm, secret, seed, expected) in vectors {
            let expected = bytes(expected);
            let mut out = vec![0; expected.len()];
            prf(algorithm, &bytes(secret), b"test label", &bytes(seed), &mut out);
            assert_eq!(out, expected);
        }
    }
}
