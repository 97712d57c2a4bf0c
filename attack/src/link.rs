//! How a server and its clients speak, below what they say.

use std::io;

use enet_tokio::{Compression, Config, DtlsClient, DtlsServer};
use fixtures::tls;

/// What both sides have to agree on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) compression: Compression,
    /// Whether it is encrypted, by DTLS.
    pub(crate) is_encrypted: bool,
}

impl Link {
    /// A client's side of it.
    pub(crate) fn client(self) -> Config {
        let config = Config::default().with_compression(self.compression);
        if self.is_encrypted {
            // It may be a server that was started with another certificate.
            config.with_dtls(DtlsClient::dangerously_trusting_anyone())
        } else {
            config
        }
    }
}

/// A server's certificate: with an RSA key, which costs the server most, and is the only kind that Godot makes.
pub(crate) fn certificate() -> io::Result<DtlsServer> {
    let tls::Certificate { certificate, key } = tls::RSA;
    DtlsServer::from_pem(certificate.as_bytes(), key.as_bytes()).map_err(io::Error::other)
}
