//! What can go wrong with an encrypted session, in words that help.

use openssl::error::ErrorStack;
use openssl::ssl::{Error, ErrorCode};
use openssl::x509::X509VerifyResult;

// Numbers of OpenSSL's x509_vfy.h.
const NOT_YET_VALID: i32 = 9;
const HAS_EXPIRED: i32 = 10;
/// Refused by a callback of ours.
pub(super) const REJECTED_HERE: i32 = 50;
const HOSTNAME_MISMATCH: i32 = 62;
pub(super) const IP_ADDRESS_MISMATCH: i32 = 64;

/// Why certificates, keys or names cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DtlsSetupError {
    /// The certificates cannot be read.
    #[error(
        "the certificates cannot be read ({0}); PEM or DER is wanted, the server's own first, then those that signed it"
    )]
    Certificate(String),
    /// The private key cannot be read.
    #[error("the private key cannot be read ({0}); PEM or DER without a passphrase is wanted, PKCS#8, PKCS#1 or SEC1")]
    Key(String),
    /// The key is not that of the certificate.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// The name of the server is neither a host name nor an IP address.
    #[error("\"{0}\" cannot be the name of a server: a host name or an IP address is wanted")]
    Name(String),
    /// The library of cryptography fails.
    #[error("OpenSSL: {0}")]
    Library(String),
}

impl From<ErrorStack> for DtlsSetupError {
    fn from(error: ErrorStack) -> DtlsSetupError {
        DtlsSetupError::Library(reasons(&error))
    }
}

/// Why there is no encrypted session, or why it ended.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DtlsError {
    /// The server's certificate is signed by nobody who is trusted here.
    #[error("the server's certificate is not trusted ({0})")]
    Untrusted(String),
    /// The server's certificate is out of date, or not yet valid. A wrong clock has the same effect.
    #[error("the server's certificate is not valid at this time ({0})")]
    Expired(String),
    /// The server's certificate is for another name.
    #[error("the server's certificate is for another name")]
    WrongName,
    /// The server's certificate is not the one that is wanted.
    #[error("the server's certificate is not the pinned one")]
    NotPinned,
    /// The two sides have no cipher suite or version in common.
    #[error("the two sides have no version or cipher suite in common")]
    NoCommonSuite,
    /// The other side broke off, with an alert of this name.
    #[error("the other side broke off the handshake ({0})")]
    Refused(String),
    /// No answer, or none that came to an end in time.
    #[error("the handshake was not finished in time")]
    TimedOut,
    /// The other side ended the session.
    #[error("the other side ended the encrypted session")]
    Closed,
    /// Something else.
    #[error("{0}")]
    Other(String),
}

impl DtlsError {
    /// Of a handshake, or of reading. To a client `handshake failure` says that its offers do not suit; to a server it may say
    /// anything.
    pub(super) fn of(error: &Error, verified: X509VerifyResult, serving: bool) -> DtlsError {
        if error.code() == ErrorCode::ZERO_RETURN {
            return DtlsError::Closed;
        }
        let Some(stack) = error.ssl_error() else {
            return DtlsError::Other(error.to_string());
        };
        let reasons = reasons(stack);
        if reasons.contains("certificate verify failed") {
            return DtlsError::of_verification(verified);
        }
        if let Some(at) = reasons.find("alert ") {
            let alert = reasons[at + "alert ".len()..].trim();
            return match alert {
                "handshake failure" | "protocol version" | "insufficient security" if !serving => {
                    DtlsError::NoCommonSuite
                }
                _ => DtlsError::Refused(alert.to_owned()),
            };
        }
        let none_in_common = [
            "no shared cipher",
            "unsupported protocol",
            "no ciphers available",
            "version too low",
        ];
        if none_in_common.iter().any(|reason| reasons.contains(reason)) {
            return DtlsError::NoCommonSuite;
        }
        DtlsError::Other(reasons)
    }

    fn of_verification(result: X509VerifyResult) -> DtlsError {
        match result.as_raw() {
            NOT_YET_VALID | HAS_EXPIRED => DtlsError::Expired(result.error_string().to_owned()),
            HOSTNAME_MISMATCH | IP_ADDRESS_MISMATCH => DtlsError::WrongName,
            REJECTED_HERE => DtlsError::NotPinned,
            _ => DtlsError::Untrusted(result.error_string().to_owned()),
        }
    }

    /// Which of the counters of failed handshakes it belongs to.
    pub(super) fn is_of_certificates(&self) -> bool {
        matches!(
            self,
            DtlsError::Untrusted(_) | DtlsError::Expired(_) | DtlsError::WrongName | DtlsError::NotPinned
        )
    }
}

fn reasons(stack: &ErrorStack) -> String {
    let reasons: Vec<_> = stack
        .errors()
        .iter()
        .filter_map(openssl::error::Error::reason)
        .collect();
    if reasons.is_empty() {
        stack.to_string()
    } else {
        reasons.join(", ")
    }
}
