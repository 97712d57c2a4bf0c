//! QUIC by the crate quinn: another protocol, and encrypted, but what a Rust program would take instead.
//!
//! Reliable packets go over one stream in each direction, each with its length before it; unreliable ones as QUIC datagrams.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::{ANY_PORT, Event, Mode, Options, Side};

/// The length before each packet.
const PREFIX: usize = 4;
/// How many packets are written together.
const BATCH: usize = 64;
pub(super) const NAME: &str = "localhost";

type Sender = UnboundedSender<Event<usize, Bytes>>;

pub(crate) struct Quinn {
    endpoint: Endpoint,
    /// Each connection, and the packets it is to write to its stream.
    peers: Vec<(Connection, UnboundedSender<Bytes>)>,
    arrivals: UnboundedReceiver<Connection>,
    arriving: UnboundedSender<Connection>,
    events: UnboundedReceiver<Event<usize, Bytes>>,
    sender: Sender,
}

impl Side for Quinn {
    type Peer = usize;
    type Data = Bytes;

    async fn open(options: &Options) -> Quinn {
        let (arriving, arrivals) = unbounded_channel();
        let (sender, events) = unbounded_channel();
        let certificate = certificate();
        let endpoint = if options.listens {
            let config = ServerConfig::with_single_cert(vec![certificate.0.clone()], certificate.1.clone_key());
            let endpoint = Endpoint::server(config.expect("a certificate that fits"), ANY_PORT).expect("an endpoint");
            tokio::spawn(accept(endpoint.clone(), arriving.clone()));
            endpoint
        } else {
            let mut roots = RootCertStore::empty();
            roots.add(certificate.0.clone()).expect("a certificate that parses");
            let crypto = quinn::rustls::ClientConfig::builder()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let crypto = QuicClientConfig::try_from(crypto).expect("ciphers for QUIC");
            let mut endpoint = Endpoint::client(ANY_PORT).expect("an endpoint");
            endpoint.set_default_client_config(ClientConfig::new(Arc::new(crypto)));
            endpoint
        };
        Quinn {
            endpoint,
            peers: Vec::new(),
            arrivals,
            arriving,
            events,
            sender,
        }
    }

    fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().expect("a bound socket")
    }

    fn connect(&mut self, to: SocketAddr) {
        let connecting = self.endpoint.connect(to, NAME).expect("a connection to begin");
        let arriving = self.arriving.clone();
        tokio::spawn(async move {
            if let Ok(connection) = connecting.await {
                let _ = arriving.send(connection);
            }
        });
    }

    fn send(&mut self, peer: usize, mode: Mode, data: &[u8]) -> bool {
        let (connection, stream) = &self.peers[peer];
        match mode {
            Mode::Reliable => {
                let mut packet = BytesMut::with_capacity(PREFIX + data.len());
                packet.put_u32_le(data.len() as u32);
                packet.put_slice(data);
                stream.send(packet.freeze()).is_ok()
            }
            Mode::Unreliable => connection.send_datagram(Bytes::copy_from_slice(data)).is_ok(),
        }
    }

    async fn next(&mut self, wait: Duration) -> Option<Event<usize, Bytes>> {
        if let Ok(event) = self.events.try_recv() {
            return Some(event);
        }
        let event = timeout(wait, async {
            tokio::select! {
                biased;
                event = self.events.recv() => Ok(event),
                connection = self.arrivals.recv() => Err(connection),
            }
        });
        match event.await.ok()? {
            Ok(event) => event,
            Err(connection) => Some(Event::Connected(self.add(connection?))),
        }
    }
}

impl Quinn {
    fn add(&mut self, connection: Connection) -> usize {
        let peer = self.peers.len();
        let (packets, queue) = unbounded_channel();
        tokio::spawn(read_streams(connection.clone(), peer, self.sender.clone()));
        tokio::spawn(read_datagrams(connection.clone(), peer, self.sender.clone()));
        tokio::spawn(write(connection.clone(), queue));
        self.peers.push((connection, packets));
        peer
    }
}

async fn accept(endpoint: Endpoint, arriving: UnboundedSender<Connection>) {
    while let Some(incoming) = endpoint.accept().await {
        let arriving = arriving.clone();
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                let _ = arriving.send(connection);
            }
        });
    }
}

async fn write(connection: Connection, mut queue: UnboundedReceiver<Bytes>) {
    let Ok(mut stream) = connection.open_uni().await else {
        return;
    };
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        if write_all(&mut stream, &mut batch).await.is_none() {
            return;
        }
    }
}

async fn write_all(stream: &mut SendStream, batch: &mut Vec<Bytes>) -> Option<()> {
    stream.write_all_chunks(batch).await.ok()?;
    batch.clear();
    Some(())
}

async fn read_streams(connection: Connection, peer: usize, events: Sender) {
    while let Ok(stream) = connection.accept_uni().await {
        read_stream(stream, peer, &events).await;
    }
    let _ = events.send(Event::Disconnected(peer));
}

async fn read_stream(mut stream: RecvStream, peer: usize, events: &Sender) {
    let mut buffer = BytesMut::new();
    while let Ok(Some(chunk)) = stream.read_chunk(usize::MAX, true).await {
        buffer.extend_from_slice(&chunk.bytes);
        while let Some(prefix) = buffer.first_chunk::<PREFIX>() {
            let length = u32::from_le_bytes(*prefix) as usize;
            if buffer.len() < PREFIX + length {
                buffer.reserve(PREFIX + length - buffer.len());
                break;
            }
            buffer.advance(PREFIX);
            let _ = events.send(Event::Received(peer, buffer.split_to(length).freeze()));
        }
    }
}

async fn read_datagrams(connection: Connection, peer: usize, events: Sender) {
    while let Ok(datagram) = connection.read_datagram().await {
        let _ = events.send(Event::Received(peer, datagram));
    }
}

/// One certificate for the process: both ends are in it.
pub(super) fn certificate() -> &'static (CertificateDer<'static>, PrivateKeyDer<'static>) {
    static CERTIFICATE: OnceLock<(CertificateDer<'static>, PrivateKeyDer<'static>)> = OnceLock::new();
    CERTIFICATE.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        (made.cert.into(), key.into())
    })
}
