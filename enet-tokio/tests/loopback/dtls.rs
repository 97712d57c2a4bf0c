//! Encrypted endpoints.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enet_tokio::{
    Conditions, Config, ConnectError, DisconnectReason, DtlsClient, DtlsError, DtlsServer, Endpoint, Event,
    EventEndpoint, Intercept, NetworkConditions, Packet, Verdict,
};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio::net::UdpSocket;

use crate::common::{BOTH, Pair, config, payload, within};

fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["game".to_owned()]).unwrap()
}

fn server_of(certificate: &CertifiedKey<KeyPair>) -> DtlsServer {
    DtlsServer::from_pem(
        certificate.cert.pem().as_bytes(),
        certificate.signing_key.serialize_pem().as_bytes(),
    )
    .unwrap()
}

fn client_of(certificate: &CertifiedKey<KeyPair>) -> DtlsClient {
    DtlsClient::new("game")
        .unwrap()
        .with_trusted(certificate.cert.pem().as_bytes())
        .unwrap()
}

/// The settings of a server and of a client that trusts it.
fn both(config: &Config) -> (Config, Config) {
    let certificate = certificate();
    (
        config.clone().with_dtls(server_of(&certificate)),
        config.clone().with_dtls(client_of(&certificate)),
    )
}

async fn pair(config: &Config) -> Pair {
    let (server, client) = both(config);
    Pair::at("127.0.0.1:0", "127.0.0.1", server, client).await
}

#[tokio::test]
async fn packets_of_all_sizes_and_modes_pass_in_both_directions_and_ways_of_io() {
    for batching in BOTH {
        let pair = pair(&config(batching)).await;
        for (from, to) in [(&pair.dialled, &pair.accepted), (&pair.accepted, &pair.dialled)] {
            for (seed, length) in [1, 100, 1392, 5000, 3_000_000].into_iter().enumerate() {
                let data = payload(seed, length);
                from.send(1, Packet::reliable(data.clone())).await.unwrap();
                let (channel, packet) = within(to.recv()).await.unwrap();
                assert_eq!((channel, packet), (1, Packet::reliable(data)));
            }
            from.send(2, Packet::unsequenced("now")).await.unwrap();
            assert_eq!(within(to.recv()).await.unwrap().1, Packet::unsequenced("now"));
        }
        for endpoint in [&pair.server, &pair.client] {
            let statistics = endpoint.statistics().dtls.unwrap();
            assert_eq!(
                (statistics.handshakes, statistics.sessions, statistics.in_progress),
                (1, 1, 0)
            );
        }
    }
}

#[tokio::test]
async fn nothing_that_is_sent_can_be_read_on_the_way() {
    let (server, client) = both(&Config::default());
    let server = Endpoint::bind("127.0.0.1:0", server).await.unwrap();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let tap = Intercept::new(move |_, datagram| {
        log.lock().unwrap().extend_from_slice(datagram);
        Verdict::Pass
    });
    let client = Endpoint::client(client.with_intercept(tap)).unwrap();
    let (dialled, accepted) =
        within(async { tokio::join!(client.connect(server.local_addr(), 1, 0), server.accept()) }).await;
    accepted
        .unwrap()
        .send(0, Packet::reliable("a well kept secret"))
        .await
        .unwrap();
    let (_, packet) = within(dialled.unwrap().recv()).await.unwrap();
    assert_eq!(packet.data, "a well kept secret");
    let seen = seen.lock().unwrap();
    assert!(!seen.is_empty() && !seen.windows(6).any(|window| window == b"secret"));
}

#[tokio::test]
async fn joining_takes_round_trips_and_no_time_out() {
    let slow = NetworkConditions::both(Conditions::default().delay(Duration::from_millis(30)));
    let start = Instant::now();
    let pair = pair(&Config::default().with_conditions(slow)).await;
    // Hello, hello with the cookie, finish, CONNECT: each takes 120 ms, as both sides delay both directions.
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    drop(pair);
}

#[tokio::test]
async fn a_fifth_of_the_datagrams_may_be_lost() {
    let lossy = NetworkConditions::both(Conditions::default().loss(0.1)).with_seed(3);
    let pair = pair(&Config::default().with_conditions(lossy)).await;
    for round in 0..20 {
        let data = payload(round, 20_000);
        pair.dialled.send(0, Packet::reliable(data.clone())).await.unwrap();
        assert_eq!(within(pair.accepted.recv()).await.unwrap().1.data, data);
    }
}

/// Why a client with these settings does not connect to a server with those.
async fn refusal(server: Config, client: Config) -> ConnectError {
    let server = Endpoint::bind("127.0.0.1:0", server).await.unwrap();
    let client = Endpoint::client(client).unwrap();
    within(client.connect(server.local_addr(), 1, 0)).await.unwrap_err()
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_an_error_at_once_that_says_so() {
    let server = Config::default().with_dtls(server_of(&certificate()));
    let client = Config::default().with_dtls(client_of(&certificate()));
    let start = Instant::now();
    let error = refusal(server, client).await;
    assert!(
        matches!(
            &error,
            ConnectError::Dtls {
                error: DtlsError::Untrusted(_),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("certificate is not trusted"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_name_that_is_not_the_certificates_is_an_error_that_says_so() {
    let certificate = certificate();
    let trust = DtlsClient::new("elsewhere")
        .unwrap()
        .with_trusted(certificate.cert.pem().as_bytes())
        .unwrap();
    let error = refusal(
        Config::default().with_dtls(server_of(&certificate)),
        Config::default().with_dtls(trust),
    )
    .await;
    assert!(
        matches!(
            error,
            ConnectError::Dtls {
                error: DtlsError::WrongName,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_without_encryption_does_not_finish_the_handshake() {
    let mut trust = client_of(&certificate());
    trust.handshake_timeout = Duration::from_millis(300);
    let error = refusal(Config::default(), Config::default().with_dtls(trust)).await;
    assert!(
        matches!(
            error,
            ConnectError::Dtls {
                error: DtlsError::TimedOut,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_client_without_encryption_gets_nothing() {
    let server = Config::default().with_dtls(server_of(&certificate()));
    let client = Config::default().with_connect_timeout(Duration::from_millis(300));
    assert!(matches!(refusal(server, client).await, ConnectError::TimedOut { .. }));
}

#[tokio::test]
async fn who_leaves_is_missed_at_once_and_may_come_again() {
    let (server, client) = both(&Config::default());
    let server = Endpoint::bind("127.0.0.1:0", server).await.unwrap();
    for round in 0..3 {
        let client = Endpoint::client(client.clone()).unwrap();
        let (dialled, accepted) =
            within(async { tokio::join!(client.connect(server.local_addr(), 1, round), server.accept()) }).await;
        let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
        dialled.send(0, Packet::reliable("bye")).await.unwrap();
        within(client.shutdown(7)).await;
        assert_eq!(within(accepted.recv()).await.unwrap().1.data, "bye");
        assert_eq!(
            within(accepted.recv()).await.unwrap_err(),
            DisconnectReason::Remote { data: 7 }
        );
    }
}

#[tokio::test]
async fn a_server_that_was_restarted_on_its_port_is_joined_again() {
    let (server_config, client_config) = both(&Config::default());
    let server = Endpoint::bind("127.0.0.1:0", server_config.clone()).await.unwrap();
    let address = server.local_addr();
    let client = Endpoint::client(client_config).unwrap();
    let (first, accepted) = within(async { tokio::join!(client.connect(address, 1, 0), server.accept()) }).await;
    let first = first.unwrap();
    drop(accepted);
    within(server.shutdown_now(0)).await;
    within(first.closed()).await;
    let server = Endpoint::bind(address, server_config).await.unwrap();
    let (second, accepted) = within(async { tokio::join!(client.connect(address, 1, 0), server.accept()) }).await;
    second.unwrap().send(0, Packet::reliable("again")).await.unwrap();
    assert_eq!(within(accepted.unwrap().recv()).await.unwrap().1.data, "again");
}

#[tokio::test]
async fn a_program_in_the_event_style_can_ask_why_there_is_no_session() {
    let server = Config::default().with_dtls(server_of(&certificate()));
    let server = EventEndpoint::bind("127.0.0.1:0", server).await.unwrap();
    let client = EventEndpoint::client(Config::default().with_dtls(client_of(&certificate()))).unwrap();
    let peer = client.connect(server.local_addr(), 1, 0).unwrap();
    let event = within(client.next_event()).await.unwrap();
    assert_eq!(
        event,
        Event::Disconnected {
            peer,
            reason: DisconnectReason::Unreachable
        }
    );
    assert!(matches!(client.dtls_error(peer), Some(DtlsError::Untrusted(_))));
}

#[tokio::test]
async fn bare_datagrams_pass_beside_the_encryption() {
    let answer = Intercept::new(|_, datagram| match datagram {
        b"who?" => Verdict::Reply(Bytes::from_static(b"me")),
        _ => Verdict::Pass,
    });
    let server = Config::default()
        .with_dtls(server_of(&certificate()))
        .with_intercept(answer);
    let server = EventEndpoint::bind("127.0.0.1:0", server).await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut buffer = [0; 100];
    stranger.send_to(b"who?", server.local_addr()).await.unwrap();
    let (length, _) = within(stranger.recv_from(&mut buffer)).await.unwrap();
    assert_eq!(&buffer[..length], b"me");
    let to: SocketAddr = stranger.local_addr().unwrap();
    server.send_raw(to, "unasked");
    let (length, _) = within(stranger.recv_from(&mut buffer)).await.unwrap();
    assert_eq!(&buffer[..length], b"unasked");
}
