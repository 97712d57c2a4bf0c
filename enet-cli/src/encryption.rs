//! The certificate of a server that encrypts, if it does.

#[cfg(feature = "dtls")]
use std::{
    fs, io,
    path::{Path, PathBuf},
};

#[cfg(feature = "dtls")]
use godot_peer::{DtlsServer, DtlsSetupError, Identity};
use godot_peer::{ServerOptions, ServerStatistics};

use crate::arguments::Arguments;

/// Why the certificate cannot be used.
#[cfg(feature = "dtls")]
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncryptionError {
    #[error("cannot read {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{} and {}: {error}", certificate.display(), key.display())]
    Setup {
        certificate: PathBuf,
        key: PathBuf,
        error: DtlsSetupError,
    },
}

/// It cannot happen without encryption.
#[cfg(not(feature = "dtls"))]
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncryptionError {}

/// How a server encrypts.
#[cfg(feature = "dtls")]
#[derive(Debug, Default)]
pub(crate) struct Encryption(Option<Files>);

#[cfg(feature = "dtls")]
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    server: DtlsServer,
}

#[cfg(feature = "dtls")]
impl Encryption {
    /// Reads the files that the options name.
    pub(crate) fn new(arguments: &Arguments) -> Result<Encryption, EncryptionError> {
        let (Some(certificate), Some(key)) = (arguments.tls_cert.clone(), arguments.tls_key.clone()) else {
            return Ok(Encryption(None));
        };
        let identity = identity(&certificate, &key)?;
        let server = DtlsServer::with_identities(&[identity]).map_err(setup(&certificate, &key))?;
        Ok(Encryption(Some(Files {
            certificate,
            key,
            server,
        })))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Has a server with these options encrypt.
    pub(crate) fn apply(&self, options: ServerOptions) -> ServerOptions {
        match &self.0 {
            Some(files) => options.with_dtls(files.server.clone()),
            None => options,
        }
    }

    /// Reads the files again. If they are no good the former certificate stays.
    pub(crate) fn reload(&self) -> Result<(), EncryptionError> {
        let Some(files) = &self.0 else { return Ok(()) };
        let identity = identity(&files.certificate, &files.key)?;
        let replaced = files.server.replace(&[identity]);
        replaced.map_err(setup(&files.certificate, &files.key))
    }
}

#[cfg(feature = "dtls")]
fn identity(certificate: &Path, key: &Path) -> Result<Identity, EncryptionError> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| EncryptionError::File {
            path: path.to_owned(),
            error,
        })
    };
    Identity::from_pem(&read(certificate)?, &read(key)?).map_err(setup(certificate, key))
}

#[cfg(feature = "dtls")]
fn setup<'a>(certificate: &'a Path, key: &'a Path) -> impl FnOnce(DtlsSetupError) -> EncryptionError + 'a {
    |error| EncryptionError::Setup {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        error,
    }
}

/// How many clients broke a handshake off, as they do if they do not accept the certificate.
#[cfg(feature = "dtls")]
pub(crate) fn refusals(statistics: &ServerStatistics) -> u64 {
    statistics.endpoint.dtls.map_or(0, |dtls| dtls.refused_by_others)
}

/// How many handshakes were not finished, or failed here.
#[cfg(feature = "dtls")]
pub(crate) fn failures(statistics: &ServerStatistics) -> u64 {
    statistics.endpoint.dtls.map_or(0, |dtls| dtls.timed_out + dtls.failed)
}

/// None.
#[cfg(not(feature = "dtls"))]
#[derive(Debug, Default)]
pub(crate) struct Encryption;

#[cfg(not(feature = "dtls"))]
impl Encryption {
    pub(crate) fn new(_: &Arguments) -> Result<Encryption, EncryptionError> {
        Ok(Encryption)
    }

    pub(crate) fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn apply(&self, options: ServerOptions) -> ServerOptions {
        options
    }

    pub(crate) fn reload(&self) -> Result<(), EncryptionError> {
        Ok(())
    }
}

#[cfg(not(feature = "dtls"))]
pub(crate) fn refusals(_: &ServerStatistics) -> u64 {
    0
}

#[cfg(not(feature = "dtls"))]
pub(crate) fn failures(_: &ServerStatistics) -> u64 {
    0
}
