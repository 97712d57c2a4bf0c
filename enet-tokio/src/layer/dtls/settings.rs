//! Certificates, keys and trust.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};
use openssl::x509::{X509, X509VerifyResult};

use super::error::DtlsSetupError;
use super::session;

/// Suites with forward secrecy and authenticated encryption, which add 29 or 37 bytes to a datagram; the fastest first.
const SUITES: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// `X509_V_ERR_APPLICATION_VERIFICATION`: refused by a callback of ours.
const REJECTED_HERE: i32 = 50;

/// A server's side of DTLS: its certificates, and how much strangers may cost it.
///
/// Clones share the certificates: [`replace`](DtlsServer::replace) changes them for all.
#[derive(Clone)]
#[non_exhaustive]
pub struct DtlsServer {
    context: Arc<RwLock<SslContext>>,
    /// How many handshakes may be under way at a time. One takes some 60 KiB. Default 256.
    pub max_handshakes: usize,
    /// How many of them with one IP address, or one /64 of IPv6. Default 32.
    pub max_handshakes_per_address: usize,
    /// How many handshakes may begin in a second: each costs a signature and a key agreement, 1 ms or less of a processor.
    /// One IP address, or /64 of IPv6, may begin a quarter of them. Who comes on top comes again after a second. Default 200.
    pub max_handshakes_per_second: u32,
    /// How many sessions there may be, including those under way. One takes some 20 KiB besides its connection. Default 8192.
    pub max_sessions: usize,
    /// What a handshake may take. Default 8 s.
    pub handshake_timeout: Duration,
}

impl DtlsServer {
    /// A server with this certificate, the chain of those that signed it, and its private key, all in PEM.
    ///
    /// ECDSA keys (P-256) make joining several times cheaper for the server than RSA keys.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<DtlsServer, DtlsSetupError> {
        DtlsServer::with_identities(&[Identity::from_pem(certificates, key)?])
    }

    /// A server with several certificates, at most one for each kind of key (RSA, ECDSA): the client's offers choose.
    pub fn with_identities(identities: &[Identity]) -> Result<DtlsServer, DtlsSetupError> {
        Ok(DtlsServer {
            context: Arc::new(RwLock::new(serving(identities)?)),
            max_handshakes: 256,
            max_handshakes_per_address: 32,
            max_handshakes_per_second: 200,
            max_sessions: 8192,
            handshake_timeout: Duration::from_secs(8),
        })
    }

    /// Uses other certificates from now on. Sessions that are up or being made go on with the former ones.
    pub fn replace(&self, identities: &[Identity]) -> Result<(), DtlsSetupError> {
        let context = serving(identities)?;
        *self.context.write().unwrap_or_else(PoisonError::into_inner) = context;
        Ok(())
    }

    pub(super) fn context(&self) -> SslContext {
        self.context.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for DtlsServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DtlsServer").finish_non_exhaustive()
    }
}

/// A certificate, those that signed it, and its private key.
#[derive(Clone)]
pub struct Identity {
    certificates: Vec<X509>,
    key: PKey<Private>,
}

impl Identity {
    /// Of PEM: the certificate first, then those that signed it; the key without a passphrase.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Identity, DtlsSetupError> {
        let certificates = stack_of_pem(certificates)?;
        let key = PKey::private_key_from_pem_callback(key, |_| Ok(0)).map_err(|error| key_error(&error))?;
        Identity::new(certificates, key)
    }

    /// Of DER: a certificate, and its key.
    pub fn from_der(certificate: &[u8], key: &[u8]) -> Result<Identity, DtlsSetupError> {
        let certificate = X509::from_der(certificate).map_err(|error| certificate_error(&error))?;
        let key = PKey::private_key_from_der(key).map_err(|error| key_error(&error))?;
        Identity::new(vec![certificate], key)
    }

    fn new(certificates: Vec<X509>, key: PKey<Private>) -> Result<Identity, DtlsSetupError> {
        let public = certificates[0]
            .public_key()
            .map_err(|error| certificate_error(&error))?;
        if !public.public_eq(&key) {
            return Err(DtlsSetupError::Mismatch);
        }
        Ok(Identity { certificates, key })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// A client's side of DTLS: whom it trusts, and under which name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DtlsClient {
    name: Option<ServerName>,
    trust: Trust,
    /// What a handshake may take, after which the attempt to connect fails. Default 8 s.
    pub handshake_timeout: Duration,
}

#[derive(Clone, Debug)]
enum ServerName {
    Host(String),
    Address(IpAddr),
}

#[derive(Clone, Debug)]
enum Trust {
    System,
    These(Vec<X509>),
    Pinned([u8; 32]),
    Anyone,
}

impl DtlsClient {
    /// Trusts a server of this name, a host name or an IP address, whose certificate is signed by one that the system trusts.
    pub fn new(name: &str) -> Result<DtlsClient, DtlsSetupError> {
        Ok(DtlsClient {
            name: Some(server_name(name)?),
            trust: Trust::System,
            handshake_timeout: Duration::from_secs(8),
        })
    }

    /// Trusts nobody but a server whose certificate is this one, in PEM. Its name and dates do not matter.
    pub fn pinned(certificate: &[u8]) -> Result<DtlsClient, DtlsSetupError> {
        let certificates = stack_of_pem(certificate)?;
        let digest = certificates[0].digest(MessageDigest::sha256())?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(&digest);
        Ok(DtlsClient::pinned_sha256(sha256))
    }

    /// Trusts nobody but a server whose certificate, in DER, has this SHA-256. Its name and dates do not matter.
    #[must_use]
    pub fn pinned_sha256(sha256: [u8; 32]) -> DtlsClient {
        DtlsClient {
            name: None,
            trust: Trust::Pinned(sha256),
            handshake_timeout: Duration::from_secs(8),
        }
    }

    /// Trusts anyone: what is sent cannot be read by who merely listens, but whoever sits on the path can be the server.
    #[must_use]
    pub fn dangerously_trusting_anyone() -> DtlsClient {
        DtlsClient {
            name: None,
            trust: Trust::Anyone,
            handshake_timeout: Duration::from_secs(8),
        }
    }

    /// Trusts certificates that one of these signed, in PEM, or these themselves, instead of those that the system trusts.
    pub fn with_trusted(mut self, certificates: &[u8]) -> Result<DtlsClient, DtlsSetupError> {
        self.trust = Trust::These(stack_of_pem(certificates)?);
        Ok(self)
    }

    /// Sends this name to a server that is trusted whatever its name, so that one with several certificates can choose.
    pub fn with_name(mut self, name: &str) -> Result<DtlsClient, DtlsSetupError> {
        self.name = Some(server_name(name)?);
        Ok(self)
    }

    /// What a session needs.
    pub(super) fn connect(&self) -> Result<openssl::ssl::Ssl, ErrorStack> {
        let mut builder = context(SslMethod::dtls_client())?;
        let checks_name = match &self.trust {
            Trust::System => {
                builder.set_default_verify_paths()?;
                true
            }
            Trust::These(certificates) => {
                let mut store = X509StoreBuilder::new()?;
                for certificate in certificates {
                    store.add_cert(certificate.clone())?;
                }
                // One that is given counts though it signed itself no other, as with Godot.
                store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
                builder.set_cert_store(store.build());
                true
            }
            Trust::Pinned(_) | Trust::Anyone => false,
        };
        match self.trust {
            Trust::Pinned(wanted) => builder.set_verify_callback(SslVerifyMode::PEER, move |_, chain| {
                if chain.error_depth() > 0 {
                    return true;
                }
                let digest = chain
                    .current_cert()
                    .and_then(|own| own.digest(MessageDigest::sha256()).ok());
                let is_it = digest.is_some_and(|digest| *digest == wanted);
                let result = if is_it { 0 } else { REJECTED_HERE };
                chain.set_error(verify_result(result));
                is_it
            }),
            Trust::Anyone => builder.set_verify(SslVerifyMode::NONE),
            Trust::System | Trust::These(_) => builder.set_verify(SslVerifyMode::PEER),
        }
        let mut ssl = openssl::ssl::Ssl::new(&builder.build())?;
        match &self.name {
            Some(ServerName::Host(name)) => {
                ssl.set_hostname(name)?;
                if checks_name {
                    let wanted = ssl.param_mut();
                    wanted.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
                    wanted.set_host(name)?;
                }
            }
            Some(ServerName::Address(address)) if checks_name => ssl.param_mut().set_ip(*address)?,
            Some(ServerName::Address(_)) | None => {}
        }
        Ok(ssl)
    }
}

#[allow(unsafe_code)]
fn verify_result(number: i32) -> X509VerifyResult {
    // SAFETY: it only wraps a number; 0 and 50 are OpenSSL's.
    unsafe { X509VerifyResult::from_raw(number) }
}

fn serving(identities: &[Identity]) -> Result<SslContext, DtlsSetupError> {
    let mut builder = context(SslMethod::dtls_server())?;
    for identity in identities {
        builder.set_certificate(&identity.certificates[0])?;
        builder.set_private_key(&identity.key)?;
        for signer in &identity.certificates[1..] {
            builder.add_extra_chain_cert(signer.clone())?;
        }
    }
    builder.set_verify(SslVerifyMode::NONE);
    session::set_cookie_callbacks(&mut builder);
    Ok(builder.build())
}

/// What both sides have in common: DTLS 1.2 with the suites above, and nothing that a stranger could have us keep or repeat.
fn context(method: SslMethod) -> Result<SslContextBuilder, ErrorStack> {
    let mut builder = SslContextBuilder::new(method)?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_cipher_list(SUITES)?;
    builder.set_groups_list("X25519:P-256:P-384")?;
    builder.set_options(
        SslOptions::NO_COMPRESSION
            | SslOptions::NO_TICKET
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_QUERY_MTU
            | SslOptions::COOKIE_EXCHANGE
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    // An idle session gives its buffers back: 34 KiB of them.
    builder.set_mode(SslMode::RELEASE_BUFFERS);
    Ok(builder)
}

fn server_name(name: &str) -> Result<ServerName, DtlsSetupError> {
    if let Ok(address) = name.parse() {
        return Ok(ServerName::Address(address));
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    if name.is_empty() || name.len() > 253 || !name.chars().all(plain) {
        return Err(DtlsSetupError::Name(name.to_owned()));
    }
    Ok(ServerName::Host(name.trim_end_matches('.').to_owned()))
}

fn stack_of_pem(pem: &[u8]) -> Result<Vec<X509>, DtlsSetupError> {
    let certificates = X509::stack_from_pem(pem).map_err(|error| certificate_error(&error))?;
    if certificates.is_empty() {
        return Err(DtlsSetupError::Certificate("there is none".to_owned()));
    }
    Ok(certificates)
}

fn certificate_error(error: &ErrorStack) -> DtlsSetupError {
    DtlsSetupError::Certificate(error.to_string())
}

fn key_error(error: &ErrorStack) -> DtlsSetupError {
    DtlsSetupError::Key(error.to_string())
}
