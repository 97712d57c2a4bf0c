//! Encrypted sessions with stock Godots, in both roles.
//!
//! The stock peers speak DTLS by Mbed TLS, as those of official builds: see [`DtlsProxy`].

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use enet_tokio::{Config, ConnectError, DtlsClient, DtlsError, Endpoint};
use fixtures::tls::{self, Certificate};
use godot_peer::{ClientOptions, JoinError};
use interop_tests::enet::Serve;
use interop_tests::godot::{Call, Class, DtlsProxy, Guest, Mode, Player};
use serde_json::{Value, json};
use tempfile::TempDir;

/// `PacketPeerDTLS.STATUS_ERROR`, and `STATUS_ERROR_HOSTNAME_MISMATCH`: also for another certificate, if the answer is there
/// before the first call returns.
const ERRORS: [i64; 2] = [3, 4];

/// `enet serve` with a certificate, and the folder with its files.
fn serve(certificate: Certificate) -> (Serve, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let [own, key] = [("own.pem", certificate.certificate), ("own.key", certificate.key)].map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    });
    (Serve::start(&["--tls-cert", &own, "--tls-key", &key]), folder)
}

fn options(trusted: Certificate, name: &str) -> ClientOptions {
    let client = DtlsClient::new(name).and_then(|client| client.with_trusted(trusted.certificate.as_bytes()));
    ClientOptions::default().with_dtls(client.expect("a certificate"))
}

/// Calls of all modes and of several sizes, there and back.
fn play(first: &mut Player, second: &mut Player) {
    for mode in Mode::ALL {
        first.carry(second, Call::new(mode, 1, 7, 100));
        second.carry(first, Call::new(mode, 2, 8, 1000));
    }
    first.carry(second, Call::new(Mode::Reliable, 0, 9, 500_000));
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn stock_clients_with_dtls_play_over_our_server_with_either_kind_of_key() {
    for certificate in [tls::RSA, tls::ECDSA] {
        let (serve, _files) = serve(certificate);
        let proxy = DtlsProxy::of_clients(serve.port(), certificate, tls::NAME);
        let mut players = Player::clients(2, proxy.port());
        let guest = Guest::join_with(serve.port(), options(certificate, tls::NAME)).expect("it gets in");
        let [first, second] = &mut players[..] else {
            unreachable!("two were asked for")
        };
        first.expect_peer(guest.id());
        play(first, second);
        second.obey("close", serde_json::json!({}));
        first.expect_gone(second.id());
    }
}

/// What `session.gd` is told of a client that trusts this certificate.
fn trusting(certificate: Certificate, name: &str) -> Value {
    json!({"dtls": {"certificate": certificate.certificate, "name": name}})
}

/// A client of the extension that joins so.
fn extension(port: u16, options: Value) -> Player {
    let mut player = Player::start_as(Class::Rust, "extension");
    player.join(port, options);
    player.connected();
    player
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_extension_and_a_stock_client_with_dtls_play_over_our_server() {
    let certificate = tls::ECDSA;
    let (serve, _files) = serve(certificate);
    let proxy = DtlsProxy::of_clients(serve.port(), certificate, tls::NAME);
    let mut ours = extension(serve.port(), trusting(certificate, tls::NAME));
    let mut stock = Player::client("stock", proxy.port());
    ours.expect_peer(stock.id());
    stock.expect_peer(ours.id());
    play(&mut ours, &mut stock);
    stock.obey("close", json!({}));
    ours.expect_gone(stock.id());
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn the_extension_plays_in_the_session_of_a_stock_server_with_either_kind_of_key() {
    for certificate in [tls::RSA, tls::ECDSA] {
        let (mut server, port) = Player::server("server");
        let proxy = DtlsProxy::of_server(port, certificate);
        let mut ours = extension(proxy.port(), trusting(certificate, tls::NAME));
        server.expect_peer(ours.id());
        play(&mut ours, &mut server);
    }
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn stock_clients_and_the_extension_s_play_in_the_session_of_the_extension() {
    let certificate = tls::RSA;
    let mut server = Player::start_as(Class::Rust, "server");
    let port = server.serve(json!({"dtls": {"certificate": certificate.certificate, "key": certificate.key}}));
    let proxy = DtlsProxy::of_clients(port, certificate, tls::NAME);
    let mut stock = Player::client("stock", proxy.port());
    server.expect_peer(stock.id());
    play(&mut stock, &mut server);
    let mut ours = extension(port, trusting(certificate, tls::NAME));
    server.expect_peer(ours.id());
    stock.expect_peer(ours.id());
    play(&mut ours, &mut stock);
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_stock_client_that_trusts_anyone_gets_in() {
    let (serve, _files) = serve(tls::RSA);
    let proxy = DtlsProxy::of_unsafe_clients(serve.port());
    let _player = Player::client("client", proxy.port());
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_stock_client_refuses_our_certificate_if_it_is_another_or_for_another_name() {
    let (mut serve, _files) = serve(tls::RSA);
    for (trusted, name) in [(tls::ECDSA, tls::NAME), (tls::RSA, "elsewhere")] {
        let mut proxy = DtlsProxy::of_clients(serve.port(), trusted, name);
        let mut player = Player::start("client");
        player.join(proxy.port(), serde_json::json!({"timeout": [1, 500, 1000]}));
        proxy.expect_status(&ERRORS);
    }
    serve.logged("broke off the handshake");
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn our_client_plays_in_the_session_of_a_stock_server_with_either_kind_of_key() {
    for certificate in [tls::RSA, tls::ECDSA] {
        let (mut server, port) = Player::server("server");
        let proxy = DtlsProxy::of_server(port, certificate);
        let mut guest = Guest::join_with(proxy.port(), options(certificate, tls::NAME)).expect("it gets in");
        server.expect_peer(guest.id());
        for mode in Mode::ALL {
            let call = Call::new(mode, 1, 3, 1000);
            interop_tests::godot::until_seen(
                mode,
                || guest.call(1, call).expect("it is taken"),
                |wait| server.try_expect(wait, call.as_event("rpc", guest.id())).is_some(),
            );
            let id = guest.id();
            interop_tests::godot::until_seen(mode, || server.call(id, call), |wait| guest.try_call(wait, 1, call));
        }
    }
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn our_client_says_what_is_wrong_with_a_stock_server_s_certificate() {
    let (_server, port) = Player::server("server");
    let proxy = DtlsProxy::of_server(port, tls::RSA);
    let error = |options| match Guest::join_with(proxy.port(), options) {
        Err(JoinError::Connect(ConnectError::Dtls { error, .. })) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(error(options(tls::ECDSA, tls::NAME)), DtlsError::Untrusted(_)));
    assert_eq!(error(options(tls::RSA, "elsewhere")), DtlsError::WrongName);
}

/// A client of ours that stays where it is has a session that the other side no longer knows.
#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_stock_server_that_was_restarted_on_its_port_is_joined_again_from_the_same_socket() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let certificate = tls::RSA;
    let (mut server, port) = Player::server("server");
    let proxy = DtlsProxy::of_server(port, certificate);
    let own = proxy.port();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = DtlsClient::new(tls::NAME).and_then(|client| client.with_trusted(certificate.certificate.as_bytes()));
    let config = Config::default().with_dtls(client.expect("a certificate"));
    let endpoint = runtime.block_on(async { Endpoint::client(config) }).expect("a socket");
    let join = |id: u32| {
        let connecting = endpoint.connect((Ipv4Addr::LOCALHOST, own), 2, id);
        let connection = runtime.block_on(async { tokio::time::timeout(PATIENCE, connecting).await });
        connection.expect("in time").expect("it gets in")
    };
    let _first = join(70);
    server.expect_peer(70);
    drop((proxy, server));
    let (mut server, port) = Player::server("server again");
    let _proxy = DtlsProxy::of_server_at(own, port, certificate);
    let _second = join(71);
    server.expect_peer(71);
}

#[test]
#[cfg_attr(godot_skipped, ignore = "left out by choice: GODOT_INTEROP=skip")]
fn a_stock_client_that_was_restarted_on_its_port_gets_in_again() {
    let certificate = tls::RSA;
    let (serve, _files) = serve(certificate);
    let own = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    let own = own.expect("a free port").port();
    let mut guest = Guest::join_with(serve.port(), options(certificate, tls::NAME)).expect("it gets in");
    for name in ["client", "client again"] {
        let proxy = DtlsProxy::of_client_at(own, serve.port(), certificate, tls::NAME);
        let mut player = Player::client(name, proxy.port());
        player.expect_peer(guest.id());
        let call = Call::new(Mode::Reliable, 1, 7, 1000);
        player.call(guest.id(), call);
        assert!(guest.try_call(Duration::from_secs(20), player.id(), call), "{name}");
        // Both end without a word.
        drop((proxy, player));
    }
}
