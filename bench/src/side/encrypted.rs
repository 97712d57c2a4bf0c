//! Ours with DTLS, through the public API of enet-tokio. The certificate is that of quinn's side.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use enet_tokio::{Config, DtlsClient, DtlsServer, Identity, PeerHandle};

use super::quinn::{NAME, certificate};
use super::tokio::{Tokio, config};
use super::{Event, Mode, Options, Side};

pub(crate) struct Encrypted(Tokio);

impl Side for Encrypted {
    type Peer = PeerHandle;
    type Data = Bytes;

    async fn open(options: &Options) -> Encrypted {
        Encrypted(Tokio::with(options, encrypting(config(options), options)).await)
    }

    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn connect(&mut self, to: SocketAddr) {
        self.0.connect(to);
    }

    fn send(&mut self, peer: PeerHandle, mode: Mode, data: &[u8]) -> bool {
        self.0.send(peer, mode, data)
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<PeerHandle, Bytes>> {
        self.0.next(wait).await
    }
}

/// The same with DTLS.
pub(super) fn encrypting(config: Config, options: &Options) -> Config {
    let (certificate, key) = certificate();
    if options.listens {
        let identity = Identity::from_der(&[certificate], key.secret_der()).expect("a certificate that fits");
        let mut server = DtlsServer::with_identities(&[identity]).expect("a certificate that serves");
        // They all come from this machine.
        server.max_handshakes = options.peers.max(server.max_handshakes);
        server.max_handshakes_per_address = server.max_handshakes;
        server.max_handshakes_per_second = u32::MAX;
        config.with_dtls(server)
    } else {
        let client = DtlsClient::new(NAME).and_then(|client| client.with_trusted(certificate));
        config.with_dtls(client.expect("a certificate that parses"))
    }
}
