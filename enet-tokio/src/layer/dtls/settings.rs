//! Certificates, keys and trust.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    NameType, SniError, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode,
    SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};
use openssl::x509::{X509, X509NameEntryRef, X509StoreContextRef, X509VerifyResult};

use super::error::{DtlsSetupError, IP_ADDRESS_MISMATCH, REJECTED_HERE};
use super::handshake;

/// Suites with forward secrecy and authenticated encryption, which add 29 or 37 bytes to a datagram; the fastest first.
const SUITES: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// A server's side of DTLS: its certificates, and how much strangers may cost it.
///
/// Clones share the certificates: [`replace`](DtlsServer::replace) changes them for all.
#[derive(Clone)]
#[non_exhaustive]
pub struct DtlsServer {
    context: Arc<RwLock<SslContext>>,
    /// How many handshakes may be under way at a time. One takes some 60 KiB. If all places are taken, who has left none unfinished
    /// gets that of the oldest one, if that has had a second. Default 256.
    pub max_handshakes: usize,
    /// How many of them with one IP address, or one /64 of IPv6. Default 32.
    pub max_handshakes_per_address: usize,
    /// How many handshakes may begin in a second: each costs a signature and a key agreement, 1 ms or less of a processor.
    /// One IP address, or /64 of IPv6, may begin a quarter of them, and those who have left handshakes unfinished come last. Who comes on top comes again after a second. Default 200.
    pub max_handshakes_per_second: u32,
    /// How many sessions there may be, including those under way. One takes some 2 KiB besides its connection. Default 8192.
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

    /// A server with several certificates. Of different kinds of keys (RSA, ECDSA) the client's offers choose; of several of a kind
    /// the name that the client asks for, and the first if it asks for none of theirs.
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
    /// Of PEM: the certificate first, then those that signed it; the key without a passphrase, in PKCS#8, PKCS#1 or SEC1.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Identity, DtlsSetupError> {
        let certificates = stack_of_pem(certificates)?;
        let key = PKey::private_key_from_pem_callback(key, |_| Ok(0)).map_err(|error| key_error(&error))?;
        Identity::new(certificates, key)
    }

    /// Of DER: the certificate first, then those that signed it; the key in PKCS#8, PKCS#1 or SEC1.
    pub fn from_der(certificates: &[&[u8]], key: &[u8]) -> Result<Identity, DtlsSetupError> {
        let parsed: Result<Vec<_>, _> = certificates.iter().map(|der| X509::from_der(der)).collect();
        let key = PKey::private_key_from_der(key).map_err(|error| key_error(&error))?;
        Identity::new(some(parsed.map_err(|error| certificate_error(&error))?)?, key)
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

    /// The host names that the certificate is for, in lower case.
    fn names(&self) -> Vec<String> {
        let own = &self.certificates[0];
        let others = own.subject_alt_names().into_iter().flatten();
        let mut names: Vec<_> = others
            .filter_map(|name| name.dnsname().map(str::to_ascii_lowercase))
            .collect();
        if names.is_empty() {
            let common = own.subject_name().entries_by_nid(Nid::COMMONNAME);
            let text =
                |name: &X509NameEntryRef| Some(str::from_utf8(name.data().as_slice()).ok()?.to_ascii_lowercase());
            names.extend(common.filter_map(text));
        }
        names
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// A client's side of DTLS: whom it trusts, and under which name.
#[derive(Clone)]
#[non_exhaustive]
pub struct DtlsClient {
    name: Option<ServerName>,
    trust: Trust,
    /// Whether the name has to be that of the certificate.
    checks_name: bool,
    /// Made of the rest when it is needed first: to read what the system trusts takes some milliseconds.
    context: Arc<OnceLock<SslContext>>,
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
    fn with(name: Option<ServerName>, trust: Trust) -> DtlsClient {
        DtlsClient {
            checks_name: name.is_some(),
            name,
            trust,
            context: Arc::default(),
            handshake_timeout: Duration::from_secs(8),
        }
    }

    /// Trusts a server of this name, a host name or an IP address, whose certificate is signed by one that the system trusts.
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` in the environment name others in place of the system's, as usual with OpenSSL.
    ///
    /// The name need not be what is dialled: a server without a name on the internet can be called by an address, and be trusted
    /// by the name in its certificate.
    pub fn new(name: &str) -> Result<DtlsClient, DtlsSetupError> {
        Ok(DtlsClient::with(Some(server_name(name)?), Trust::System))
    }

    /// Trusts nobody but a server whose certificate is this one, in PEM or DER. Its name and dates do not matter.
    pub fn pinned(certificate: &[u8]) -> Result<DtlsClient, DtlsSetupError> {
        let certificates = certificates(certificate)?;
        let digest = certificates[0].digest(MessageDigest::sha256())?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(&digest);
        Ok(DtlsClient::pinned_sha256(sha256))
    }

    /// Trusts nobody but a server whose certificate, in DER, has this SHA-256. Its name and dates do not matter.
    /// `openssl x509 -in cert.pem -noout -fingerprint -sha256` prints it.
    #[must_use]
    pub fn pinned_sha256(sha256: [u8; 32]) -> DtlsClient {
        DtlsClient::with(None, Trust::Pinned(sha256))
    }

    /// Trusts anyone: what is sent cannot be read by who merely listens, but whoever sits on the path can be the server.
    #[must_use]
    pub fn dangerously_trusting_anyone() -> DtlsClient {
        DtlsClient::with(None, Trust::Anyone)
    }

    /// Trusts certificates that one of these signed, in PEM or one in DER, or these themselves, instead of those that the system
    /// trusts.
    pub fn with_trusted(mut self, trusted: &[u8]) -> Result<DtlsClient, DtlsSetupError> {
        self.trust = Trust::These(certificates(trusted)?);
        self.context = Arc::default();
        Ok(self)
    }

    /// Trusts a certificate whatever its name: whoever has any that is trusted can be the server. With one certificate that is
    /// given and made for this purpose alone that is as good as [`pinned`](DtlsClient::pinned), else it is as little as
    /// [`dangerously_trusting_anyone`](DtlsClient::dangerously_trusting_anyone).
    #[must_use]
    pub fn dangerously_trusting_any_name(mut self) -> DtlsClient {
        self.checks_name = false;
        self.context = Arc::default();
        self
    }

    /// Sends this name to a server that is trusted whatever its name, so that one with several certificates can choose.
    pub fn with_name(mut self, name: &str) -> Result<DtlsClient, DtlsSetupError> {
        self.name = Some(server_name(name)?);
        self.context = Arc::default();
        Ok(self)
    }

    /// What a session needs.
    pub(super) fn connect(&self) -> Result<openssl::ssl::Ssl, ErrorStack> {
        let context = match self.context.get() {
            Some(context) => context,
            None => {
                let fresh = self.fresh_context()?;
                self.context.get_or_init(|| fresh)
            }
        };
        let mut ssl = openssl::ssl::Ssl::new(context)?;
        let wanted = ssl.param_mut();
        match &self.name {
            Some(ServerName::Host(name)) => {
                if self.checks_name {
                    wanted.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
                    wanted.set_host(name)?;
                }
                ssl.set_hostname(name)?;
            }
            Some(ServerName::Address(address)) if self.checks_name => wanted.set_ip(*address)?,
            Some(ServerName::Address(_)) | None => {}
        }
        Ok(ssl)
    }

    fn fresh_context(&self) -> Result<SslContext, ErrorStack> {
        let mut builder = context(SslMethod::dtls_client())?;
        match &self.trust {
            Trust::System => {
                let roots = rustls_native_certs::load_native_certs();
                for error in roots.errors {
                    tracing::debug!(%error, "a certificate of the system");
                }
                let roots = roots.certs.iter().filter_map(|root| X509::from_der(root).ok());
                builder.set_cert_store(store(roots)?.build());
            }
            Trust::These(certificates) => {
                let mut store = store(certificates.iter().cloned())?;
                // One that is given counts though it signed itself no other, as with Godot.
                store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
                builder.set_cert_store(store.build());
            }
            Trust::Pinned(_) | Trust::Anyone => {}
        }
        match (&self.trust, &self.name) {
            (Trust::Pinned(wanted), _) => {
                let wanted = *wanted;
                builder.set_verify_callback(SslVerifyMode::PEER, move |_, chain| is_pinned(&wanted, chain));
            }
            (Trust::Anyone, _) => builder.set_verify(SslVerifyMode::NONE),
            (Trust::System | Trust::These(_), Some(ServerName::Address(address))) if self.checks_name => {
                let address = address.to_string();
                builder.set_verify_callback(SslVerifyMode::PEER, move |good, chain| {
                    good || is_common_name(&address, chain)
                });
            }
            (Trust::System | Trust::These(_), _) => builder.set_verify(SslVerifyMode::PEER),
        }
        Ok(builder.build())
    }
}

impl fmt::Debug for DtlsClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("DtlsClient");
        text.field("name", &self.name).field("trust", &self.trust);
        text.field("checks_name", &self.checks_name);
        text.field("handshake_timeout", &self.handshake_timeout).finish()
    }
}

/// Whether the certificate that is being verified is the one with this digest, or one of its signers, which do not matter.
fn is_pinned(wanted: &[u8; 32], chain: &mut X509StoreContextRef) -> bool {
    if chain.error_depth() > 0 {
        return true;
    }
    let digest = chain
        .current_cert()
        .and_then(|own| own.digest(MessageDigest::sha256()).ok());
    let is_it = digest.is_some_and(|digest| *digest == wanted[..]);
    chain.set_error(verify_result(if is_it { 0 } else { REJECTED_HERE }));
    is_it
}

/// Whether all that is wrong with a certificate is that it has an address for its common name, and not where addresses belong: with
/// Godot that is good enough, if it has no other names.
fn is_common_name(address: &str, chain: &mut X509StoreContextRef) -> bool {
    if chain.error().as_raw() != IP_ADDRESS_MISMATCH {
        return false;
    }
    let is_it = chain.current_cert().is_some_and(|own| {
        let mut names = own.subject_name().entries_by_nid(Nid::COMMONNAME);
        let is_it = |name: &X509NameEntryRef| name.data().as_slice() == address.as_bytes();
        own.subject_alt_names().is_none() && names.any(is_it)
    });
    if is_it {
        chain.set_error(verify_result(0));
    }
    is_it
}

fn store(certificates: impl Iterator<Item = X509>) -> Result<X509StoreBuilder, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    for certificate in certificates {
        store.add_cert(certificate)?;
    }
    Ok(store)
}

#[allow(unsafe_code)]
fn verify_result(number: i32) -> X509VerifyResult {
    // SAFETY: it only wraps a number; 0 and 50 are OpenSSL's.
    unsafe { X509VerifyResult::from_raw(number) }
}

fn serving(identities: &[Identity]) -> Result<SslContext, DtlsSetupError> {
    let all: Vec<&Identity> = identities.iter().collect();
    let first = first_of_each_kind(&all);
    let mut builder = context_of(&first)?;
    if first.len() == all.len() {
        return Ok(builder.build());
    }
    let mut by_name = HashMap::new();
    for name in all.iter().flat_map(|identity| identity.names()) {
        let named: Vec<&Identity> = all
            .iter()
            .copied()
            .filter(|other| other.names().contains(&name))
            .collect();
        by_name.insert(name, context_of(&first_of_each_kind(&named))?.build());
    }
    builder.set_servername_callback(move |ssl, _| {
        let wanted = ssl.servername(NameType::HOST_NAME).map(str::to_ascii_lowercase);
        let context = wanted.and_then(|name| by_name.get(&name));
        if context.is_some_and(|context| ssl.set_ssl_context(context).is_err()) {
            return Err(SniError::ALERT_FATAL);
        }
        Ok(())
    });
    Ok(builder.build())
}

fn first_of_each_kind<'a>(identities: &[&'a Identity]) -> Vec<&'a Identity> {
    let mut first: Vec<&Identity> = Vec::new();
    for identity in identities {
        if first.iter().all(|other| other.key.id() != identity.key.id()) {
            first.push(identity);
        }
    }
    first
}

fn context_of(identities: &[&Identity]) -> Result<SslContextBuilder, DtlsSetupError> {
    let mut builder = context(SslMethod::dtls_server())?;
    for identity in identities {
        builder.set_certificate(&identity.certificates[0])?;
        builder.set_private_key(&identity.key)?;
        for signer in &identity.certificates[1..] {
            builder.add_extra_chain_cert(signer.clone())?;
        }
    }
    builder.set_verify(SslVerifyMode::NONE);
    handshake::set_cookie_callbacks(&mut builder);
    Ok(builder)
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
    // A handshake gives its buffers back while it waits: 34 KiB of them.
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

/// One or several in PEM, or one in DER.
fn certificates(bytes: &[u8]) -> Result<Vec<X509>, DtlsSetupError> {
    const SEQUENCE: u8 = 0x30;
    if bytes.first() == Some(&SEQUENCE) {
        let certificate = X509::from_der(bytes).map_err(|error| certificate_error(&error))?;
        return Ok(vec![certificate]);
    }
    stack_of_pem(bytes)
}

fn stack_of_pem(pem: &[u8]) -> Result<Vec<X509>, DtlsSetupError> {
    some(X509::stack_from_pem(pem).map_err(|error| certificate_error(&error))?)
}

/// At least one.
fn some(certificates: Vec<X509>) -> Result<Vec<X509>, DtlsSetupError> {
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
