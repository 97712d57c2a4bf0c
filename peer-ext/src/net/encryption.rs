//! DTLS, or none: the one place that knows whether it is compiled in.

use enet_tokio::{EventEndpoint, PeerHandle};

use super::Why;

#[cfg(feature = "dtls")]
use enet_tokio::{DtlsClient, DtlsConfig, DtlsError, DtlsServer, DtlsSetupError};

/// Whom a client trusts, in Godot's terms.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    /// The name of the server; empty for the address that is dialled.
    pub(crate) name: String,
    /// The authorities in PEM; without them those of the system.
    pub(crate) authorities: Option<String>,
    /// What there is no need to know of a server that is trusted.
    pub(crate) checks: Checks,
}

/// What a client wants to see of a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checks {
    All,
    /// Who signed it, not its name.
    AuthoritiesAlone,
    Nothing,
}

/// Why there is no encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EncryptionError {
    /// This extension was built without.
    #[cfg_attr(feature = "dtls", allow(dead_code))]
    NotBuilt,
    /// Certificates, key or name cannot be used.
    #[cfg_attr(not(feature = "dtls"), allow(dead_code))]
    Setup(String),
}

/// Why an encrypted session was not made, or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionFailure {
    pub(super) why: Why,
    pub(super) words: String,
}

/// A side of DTLS.
#[derive(Clone, Debug)]
pub(crate) struct Encryption(
    #[cfg(feature = "dtls")] DtlsConfig,
    #[cfg(not(feature = "dtls"))] std::convert::Infallible,
);

impl Trust {
    /// With this name if it has none yet.
    pub(crate) fn named(mut self, name: &str) -> Trust {
        if self.name.is_empty() {
            name.trim_matches(['[', ']']).clone_into(&mut self.name);
        }
        self
    }
}

#[cfg(feature = "dtls")]
impl Encryption {
    /// A server's, with certificates and key in PEM.
    pub(crate) fn server(certificates: &str, key: &str) -> Result<Encryption, EncryptionError> {
        let server = DtlsServer::from_pem(certificates.as_bytes(), key.as_bytes())?;
        Ok(Encryption(server.into()))
    }

    /// A client's.
    pub(crate) fn client(trust: &Trust) -> Result<Encryption, EncryptionError> {
        let mut client = match trust.checks {
            // The name is only told then, so that the server can choose; it may be none.
            Checks::Nothing => {
                let anyone = DtlsClient::dangerously_trusting_anyone();
                anyone.clone().with_name(&trust.name).unwrap_or(anyone)
            }
            Checks::All => DtlsClient::new(&trust.name)?,
            Checks::AuthoritiesAlone => DtlsClient::new(&trust.name)
                .or_else(|_| DtlsClient::new("localhost"))?
                .dangerously_trusting_any_name(),
        };
        if let Some(authorities) = trust.authorities.as_ref().filter(|_| trust.checks != Checks::Nothing) {
            client = client.with_trusted(authorities.as_bytes())?;
        }
        Ok(Encryption(client.into()))
    }

    /// Has a host encrypt; false if the system cannot.
    pub(super) fn apply(self, endpoint: &EventEndpoint) -> bool {
        endpoint.set_dtls(Some(self.0)).is_ok()
    }
}

#[cfg(not(feature = "dtls"))]
impl Encryption {
    /// It cannot be had.
    pub(crate) fn server(_: &str, _: &str) -> Result<Encryption, EncryptionError> {
        Err(EncryptionError::NotBuilt)
    }

    /// It cannot be had.
    pub(crate) fn client(_: &Trust) -> Result<Encryption, EncryptionError> {
        Err(EncryptionError::NotBuilt)
    }

    /// There is none.
    pub(super) fn apply(self, _: &EventEndpoint) -> bool {
        match self.0 {}
    }
}

#[cfg(feature = "dtls")]
impl From<DtlsSetupError> for EncryptionError {
    fn from(error: DtlsSetupError) -> EncryptionError {
        EncryptionError::Setup(error.to_string())
    }
}

/// What became of the encrypted session with a peer that has ended, if that is why.
#[cfg(feature = "dtls")]
pub(super) fn failure(endpoint: &EventEndpoint, peer: PeerHandle, was_connected: bool) -> Option<SessionFailure> {
    let error = endpoint.dtls_error(peer)?;
    let why = match &error {
        DtlsError::Untrusted(_) | DtlsError::NotPinned => Why::DtlsUntrusted,
        DtlsError::Expired(_) => Why::DtlsExpired,
        DtlsError::WrongName => Why::DtlsWrongName,
        DtlsError::NoCommonSuite => Why::DtlsNoCommonSuite,
        DtlsError::Closed if was_connected => Why::ByPeer,
        DtlsError::Closed | DtlsError::Refused(_) => Why::DtlsRefused,
        DtlsError::TimedOut => Why::DtlsNoAnswer,
        _ => Why::DtlsFailed,
    };
    let words = error.to_string();
    Some(SessionFailure { why, words })
}

/// There is no encryption.
#[cfg(not(feature = "dtls"))]
pub(super) fn failure(_: &EventEndpoint, _: PeerHandle, _: bool) -> Option<SessionFailure> {
    None
}
