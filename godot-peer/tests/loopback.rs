//! Servers and clients on loopback.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use enet_tokio::{Conditions, Config, Event, EventEndpoint, NetworkConditions, PeerHandle};
use godot_peer::scene::{Arguments, Message, MethodId, NodeId, NodeReference, Rpc, SimplifyPath, System};
use godot_peer::{
    ClientEvent, ClientOptions, Departure, GodotClient, GodotServer, JoinError, PeerId, Received, SendError,
    ServerEvent, ServerOptions, Target, TransferChannel, TransferMode, UnknownTarget,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(30);

const LOCALHOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A server whose events can be waited for one by one, while it goes on relaying.
struct Server {
    server: Arc<GodotServer>,
    events: mpsc::UnboundedReceiver<ServerEvent>,
}

impl Server {
    async fn start() -> Server {
        Server::with(ServerOptions::default()).await
    }

    async fn with(options: ServerOptions) -> Server {
        let server = GodotServer::bind(LOCALHOST, options).await.expect("a free port");
        let server = Arc::new(server);
        let (sender, events) = mpsc::unbounded_channel();
        let driven = Arc::clone(&server);
        tokio::spawn(async move {
            while let Some(event) = driven.next_event().await {
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        Server { server, events }
    }

    async fn join(&mut self) -> GodotClient {
        let client = join(self.server.local_addr()).await;
        let id = client.id();
        assert_eq!(self.next().await, ServerEvent::PeerConnected { id });
        client
    }

    async fn next(&mut self) -> ServerEvent {
        soon(self.events.recv()).await.expect("the server runs")
    }

    async fn packet(&mut self) -> Received {
        match self.next().await {
            ServerEvent::Packet(received) => received,
            other => panic!("{other:?}"),
        }
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(LONG, future).await.expect("it comes in time")
}

async fn join(address: SocketAddr) -> GodotClient {
    soon(GodotClient::connect(address, ClientOptions::default()))
        .await
        .expect("the server answers")
}

async fn next(client: &GodotClient) -> ClientEvent {
    soon(client.next_event()).await.expect("the session goes on")
}

async fn packet(client: &GodotClient) -> Received {
    match next(client).await {
        ClientEvent::Packet(received) => received,
        other => panic!("{other:?}"),
    }
}

async fn expect(client: &GodotClient, event: ClientEvent) {
    assert_eq!(next(client).await, event);
}

/// Three clients that know each other.
async fn three(server: &mut Server) -> [GodotClient; 3] {
    let a = server.join().await;
    let b = server.join().await;
    expect(&a, ClientEvent::PeerConnected { id: b.id() }).await;
    expect(&b, ClientEvent::PeerConnected { id: a.id() }).await;
    let c = server.join().await;
    expect(&a, ClientEvent::PeerConnected { id: c.id() }).await;
    expect(&b, ClientEvent::PeerConnected { id: c.id() }).await;
    let mut others = [next(&c).await, next(&c).await];
    let mut expected = [a.id(), b.id()].map(|id| ClientEvent::PeerConnected { id });
    let by_id = |event: &ClientEvent| format!("{event:?}");
    others.sort_by_key(by_id);
    expected.sort_by_key(by_id);
    assert_eq!(others, expected);
    [a, b, c]
}

fn channel(number: u8) -> TransferChannel {
    TransferChannel::new(number).expect("a channel")
}

fn raw(received: &Received) -> Bytes {
    match received.message() {
        Ok(Message::Raw(data)) => data,
        other => panic!("{other:?}"),
    }
}

/// Has a future fail where it says so, whatever its result.
fn failed<T: Debug, E>(result: Result<T, E>) -> E {
    match result {
        Ok(value) => panic!("{value:?}"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn clients_see_each_other_come_and_go() {
    let mut server = Server::start().await;
    let [a, b, c] = three(&mut server).await;
    let mut ids = [a.id(), b.id(), c.id()];
    ids.sort();
    let peers = server.server.peers();
    assert_eq!(peers.iter().map(|peer| peer.id).collect::<Vec<_>>(), ids);
    assert!(peers.iter().all(|peer| peer.channels == 255));
    assert_eq!(server.server.statistics().clients, 3);

    b.close(0).await;
    let reason = Departure::Remote { data: 0 };
    assert_eq!(
        server.next().await,
        ServerEvent::PeerDisconnected { id: b.id(), reason }
    );
    for client in [&a, &c] {
        expect(client, ClientEvent::PeerDisconnected { id: b.id() }).await;
    }
    assert_eq!(a.peers(), [PeerId::SERVER, c.id()]);
    assert_eq!(soon(b.next_event()).await, None);
}

#[tokio::test]
async fn packets_reach_their_target_through_the_server() {
    let mut server = Server::start().await;
    let [a, b, c] = three(&mut server).await;
    for mode in [
        TransferMode::Unreliable,
        TransferMode::UnreliableOrdered,
        TransferMode::Reliable,
    ] {
        for number in [0, 1, 4, 253] {
            let text = format!("{mode:?} {number}");
            a.send_bytes(b.id(), channel(number), mode, text.as_bytes())
                .expect("sent");
            let received = packet(&b).await;
            assert_eq!(
                (received.from, received.channel, received.mode),
                (a.id(), channel(number), mode)
            );
            assert_eq!(raw(&received), text);
        }
    }
    // To all: the others and the server.
    a.send_bytes(Target::All, channel(2), TransferMode::Reliable, b"all")
        .expect("sent");
    for received in [packet(&b).await, packet(&c).await, server.packet().await] {
        assert_eq!((received.from, &raw(&received)[..]), (a.id(), &b"all"[..]));
    }
    // To all but b: c and the server; the next one b gets comes later.
    a.send_bytes(Target::AllBut(b.id()), channel(2), TransferMode::Reliable, b"not b")
        .expect("sent");
    a.send_bytes(b.id(), channel(2), TransferMode::Reliable, b"b")
        .expect("sent");
    assert_eq!(raw(&packet(&b).await), "b");
    assert_eq!(raw(&packet(&c).await), "not b");
    assert_eq!(raw(&server.packet().await), "not b");
    // To the server.
    a.send_bytes(Target::SERVER, channel(2), TransferMode::Reliable, b"server")
        .expect("sent");
    assert_eq!(raw(&server.packet().await), "server");

    let scene = server.server.statistics().scene;
    assert_eq!((scene.relayed_in, scene.relayed_out), (12 + 3, 12 + 2 + 1 + 1));
}

#[tokio::test]
async fn the_server_sends_to_one_to_all_and_to_all_but_one() {
    let mut server = Server::start().await;
    let [a, b, c] = three(&mut server).await;
    let send = |target: Target, data: &[u8]| {
        let sent = server
            .server
            .send_bytes(target, channel(1), TransferMode::Reliable, data);
        sent.expect("sent");
    };
    send(Target::All, b"all");
    send(Target::AllBut(a.id()), b"not a");
    send(Target::One(a.id()), b"a");
    for (client, texts) in [(&a, ["all", "a"]), (&b, ["all", "not a"]), (&c, ["all", "not a"])] {
        for text in texts {
            let received = packet(client).await;
            assert_eq!((received.from, received.channel), (PeerId::SERVER, channel(1)));
            assert_eq!(raw(&received), text);
        }
    }
    let nobody = Target::from(1);
    let error = failed(
        server
            .server
            .send_bytes(nobody, channel(1), TransferMode::Reliable, b"x"),
    );
    assert_eq!(error, SendError::UnknownTarget(UnknownTarget(nobody)));
}

#[tokio::test]
async fn a_megabyte_arrives_whole_by_way_of_the_server() {
    let mut server = Server::start().await;
    let [a, b, _c] = three(&mut server).await;
    let data: Vec<u8> = (0..1u32 << 20).map(|at| ((at * 31) >> 8) as u8).collect();
    for mode in [TransferMode::Reliable, TransferMode::UnreliableOrdered] {
        a.send_bytes(
            b.id(),
            channel(3),
            mode,
            &data[..if mode == TransferMode::Reliable { 1 << 20 } else { 5000 }],
        )
        .expect("sent");
    }
    let received = packet(&b).await;
    // The small one was sent later, but on the same channel, where nothing overtakes what is reliable.
    assert_eq!(raw(&received), data);
    assert_eq!(raw(&packet(&b).await), data[..5000]);
}

#[tokio::test]
async fn a_call_names_its_node_by_path_and_later_by_number() {
    let mut server = Server::start().await;
    let a = server.join().await;
    let reliable = TransferMode::Reliable;
    let call = Rpc::new("Main/Chat", MethodId(1), Arguments::Bytes(Bytes::from_static(b"hi")));
    a.send_rpc(Target::SERVER, TransferChannel::ZERO, reliable, &call)
        .expect("sent");
    let received = server.packet().await;
    assert_eq!(received.node_path.as_deref(), Some("Main/Chat"));
    assert_eq!(received.message(), Ok(Message::Rpc(call.clone())));

    let id = NodeId::new(3).expect("31 bits");
    let offer = SimplifyPath {
        checksum: [b'0'; 32],
        id,
        path: "Main/Chat".into(),
    };
    let short = Rpc {
        node: NodeReference::Id(id),
        ..call
    };
    a.send(Target::SERVER, TransferChannel::ZERO, reliable, offer.to_bytes())
        .expect("sent");
    match packet(&a).await.message() {
        Ok(Message::ConfirmPath(confirm)) => assert!(confirm.checksum_matched && confirm.node == NodeReference::Id(id)),
        other => panic!("{other:?}"),
    }
    a.send_rpc(Target::SERVER, TransferChannel::ZERO, reliable, &short)
        .expect("sent");
    assert_eq!(server.packet().await.node_path.as_deref(), Some("Main/Chat"));
}

#[tokio::test]
async fn clients_confirm_paths_to_each_other() {
    let mut server = Server::start().await;
    let [a, b, _c] = three(&mut server).await;
    let reliable = TransferMode::Reliable;
    let id = NodeId::new(3).expect("31 bits");
    let offer = SimplifyPath {
        checksum: [b'0'; 32],
        id,
        path: "Main/Chat".into(),
    };
    let call = Rpc {
        node: NodeReference::Id(id),
        method: MethodId(0),
        arguments: Arguments::None,
    };
    a.send(b.id(), TransferChannel::ZERO, reliable, offer.to_bytes())
        .expect("sent");
    a.send_rpc(b.id(), TransferChannel::ZERO, reliable, &call)
        .expect("sent");
    let received = packet(&b).await;
    assert_eq!(
        (received.from, received.node_path.as_deref()),
        (a.id(), Some("Main/Chat"))
    );
    // First it is asked in which form it answers, so both are at it.
    let confirmed = tokio::select! {
        confirmed = packet(&a) => confirmed,
        event = b.next_event() => panic!("{event:?}"),
    };
    assert_eq!(confirmed.from, b.id());
    let message = confirmed.message();
    assert!(matches!(message, Ok(Message::ConfirmPath(confirm)) if confirm.node == NodeReference::Id(id)));
}

#[tokio::test]
async fn a_target_that_is_not_there_is_an_error_at_the_client_and_dropped_at_the_server() {
    let mut server = Server::start().await;
    let a = server.join().await;
    let nobody = Target::from(12345);
    let error = failed(a.send_bytes(nobody, TransferChannel::ZERO, TransferMode::Reliable, b"x"));
    assert_eq!(error, SendError::UnknownTarget(UnknownTarget(nobody)));
    // As a client would that does not know yet.
    a.send(
        Target::SERVER,
        TransferChannel::ZERO,
        TransferMode::Reliable,
        &b"\x07\x03\x39\x30\0\0\x03x"[..],
    )
    .expect("sent");
    a.send_bytes(Target::SERVER, TransferChannel::ZERO, TransferMode::Reliable, b"next")
        .expect("sent");
    assert_eq!(raw(&server.packet().await), "next");
    assert_eq!(server.server.statistics().scene.unknown_targets, 1);
}

#[tokio::test]
async fn a_client_is_sent_away() {
    let mut server = Server::start().await;
    let [a, b, c] = three(&mut server).await;
    assert!(server.server.disconnect(b.id(), 77));
    expect(
        &b,
        ClientEvent::Disconnected {
            reason: Departure::Remote { data: 77 },
        },
    )
    .await;
    assert_eq!(soon(b.next_event()).await, None);
    let reason = Departure::Local;
    assert_eq!(
        server.next().await,
        ServerEvent::PeerDisconnected { id: b.id(), reason }
    );
    for client in [&a, &c] {
        expect(client, ClientEvent::PeerDisconnected { id: b.id() }).await;
    }
    assert!(!server.server.disconnect(b.id(), 77));
}

#[tokio::test]
async fn a_client_can_do_to_its_connection_what_an_endpoint_can() {
    let mut server = Server::start().await;
    let client = server.join().await;
    assert_eq!(client.server_addr(), Some(server.server.local_addr()));
    let bad = NetworkConditions::default().with_outgoing(Conditions::default().loss(1.0));
    client.set_conditions(bad.clone());
    assert_eq!(client.conditions(), bad);
    client.set_ping_interval(Duration::from_millis(20));
    client
        .send_bytes(
            Target::SERVER,
            TransferChannel::ZERO,
            TransferMode::Reliable,
            b"lost at first",
        )
        .expect("sent");
    client.flush();
    client.set_conditions(NetworkConditions::default());
    assert_eq!(raw(&server.packet().await), "lost at first");
    assert!(
        client
            .statistics()
            .is_some_and(|statistics| statistics.commands_resent > 0)
    );
    assert!(client.endpoint_statistics().host.datagrams_sent > 0);
    client.set_bandwidth_limit(0, 1000);
    client.configure_throttle(Duration::from_secs(5), 2, 2);
    client.ping();
    client.set_max_packet_size(100);
    let large = client.send_bytes(Target::SERVER, TransferChannel::ZERO, TransferMode::Reliable, &[7; 200]);
    assert!(large.is_err());
    client.close(9).await;
    assert_eq!(
        server.next().await,
        ServerEvent::PeerDisconnected {
            id: client.id(),
            reason: Departure::Remote { data: 9 },
        }
    );
}

#[tokio::test]
async fn clients_are_told_when_the_server_ends() {
    let mut server = Server::start().await;
    let clients = three(&mut server).await;
    server.server.shutdown(5).await;
    for client in &clients {
        expect(
            client,
            ClientEvent::Disconnected {
                reason: Departure::Remote { data: 5 },
            },
        )
        .await;
    }
    let mut server = Server::start().await;
    let clients = three(&mut server).await;
    server.server.shutdown_now(6).await;
    for client in &clients {
        expect(
            client,
            ClientEvent::Disconnected {
                reason: Departure::Remote { data: 6 },
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_full_server_does_not_answer() {
    let mut server = Server::with(ServerOptions::default().with_max_clients(1)).await;
    let a = server.join().await;
    let impatient = ClientOptions::default().with_endpoint(|endpoint| {
        endpoint.connect_timeout = Duration::from_millis(700);
    });
    let error = failed(GodotClient::connect(server.server.local_addr(), impatient).await);
    assert!(
        matches!(error, JoinError::Connect(enet_tokio::ConnectError::TimedOut { .. })),
        "{error}"
    );
    a.close(0).await;
    assert!(matches!(server.next().await, ServerEvent::PeerDisconnected { .. }));
    server.join().await;
}

#[tokio::test]
async fn who_is_refused_never_joins() {
    let mut server = Server::start().await;
    server.server.refuse_new_connections(true);
    assert!(server.server.is_refusing_new_connections());
    let refused = join(server.server.local_addr()).await;
    soon(async {
        while server.server.statistics().scene.refused == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.server.refuse_new_connections(false);
    let a = server.join().await;
    assert_eq!(server.server.peers().len(), 1);
    assert_ne!(a.id(), refused.id());
    assert_eq!(a.peers(), [PeerId::SERVER]);
}

#[tokio::test]
async fn channels_are_two_more_than_asked_for_and_the_smaller_number_of_both_sides() {
    let mut server = Server::with(ServerOptions::default().with_max_channels(3)).await;
    let few = ClientOptions::default().with_channels(1);
    let few = soon(GodotClient::connect(server.server.local_addr(), few))
        .await
        .expect("the server answers");
    server.next().await;
    let many = server.join().await;
    let channels = |id| server.server.peer(id).map(|peer| peer.channels);
    assert_eq!(channels(few.id()), Some(3));
    assert_eq!(channels(many.id()), Some(5));
    let error = failed(many.send_bytes(Target::SERVER, channel(4), TransferMode::Reliable, b"x"));
    assert!(matches!(error, SendError::Connection(_)), "{error}");
}

#[tokio::test]
async fn without_the_relay_packets_are_bare() {
    let mut server = Server::with(ServerOptions::default().with_relay(false)).await;
    let a = server.join().await;
    let b = server.join().await;
    a.send(
        Target::SERVER,
        channel(0),
        TransferMode::Reliable,
        &b"\x07\x03\0\0\0\0\x03x"[..],
    )
    .expect("sent");
    assert_eq!(server.packet().await.data, &b"\x07\x03\0\0\0\0\x03x"[..]);
    server
        .server
        .send_bytes(b.id(), channel(0), TransferMode::Reliable, b"first")
        .expect("sent");
    assert_eq!(raw(&packet(&b).await), "first", "nobody was introduced");
}

/// A client that takes 100 kB and no more, as its program never asks for events, at a server with room for twice as much that
/// judges once a second.
async fn slow_client() -> (Server, GodotClient) {
    let options = ServerOptions::default()
        .with_max_queue(200_000)
        .with_endpoint(|endpoint| {
            endpoint.host.slow_peer_timeout = Duration::from_secs(12);
        });
    let mut server = Server::with(options).await;
    let slow = ClientOptions::default().with_endpoint(|endpoint| {
        endpoint.host.max_waiting_data = 100_000;
        endpoint.receive_queue_bytes = 1;
        endpoint.receive_queue_packets = 1;
    });
    let slow = soon(GodotClient::connect(server.server.local_addr(), slow))
        .await
        .expect("the server answers");
    server.next().await;
    (server, slow)
}

#[tokio::test]
async fn who_outruns_a_slow_receiver_is_slowed_down_and_that_one_has_to_go() {
    let (mut server, slow) = slow_client().await;
    let fast = server.join().await;
    expect(&fast, ClientEvent::PeerConnected { id: slow.id() }).await;
    let moderate = server.join().await;
    while moderate.peers().len() < 3 {
        next(&moderate).await;
    }
    let data = vec![7; 10_000];
    let gone = soon(async {
        loop {
            // Its own queue is of no concern here.
            let _ = fast.send_bytes(slow.id(), TransferChannel::ZERO, TransferMode::Reliable, &data);
            // What others send passes meanwhile, to the fast one as well.
            moderate
                .send_bytes(fast.id(), TransferChannel::ZERO, TransferMode::Reliable, b"hello")
                .expect("sent");
            while !matches!(next(&fast).await, ClientEvent::Packet(packet) if packet.from == moderate.id()) {}
            match next_now(&mut server).await {
                Some(ServerEvent::PeerDisconnected { id, reason }) => break (id, reason),
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        }
    })
    .await;
    assert_eq!(gone, (slow.id(), Departure::TooSlow));
    let statistics = server.server.statistics();
    assert_eq!((statistics.too_fast, statistics.too_slow), (0, 1));
    assert!(statistics.scene.held_back > 0);
    // It is told why.
    let reason = soon(async {
        loop {
            if let ClientEvent::Disconnected { reason } = next(&slow).await {
                break reason;
            }
        }
    })
    .await;
    let data = Departure::TOO_SLOW;
    assert_eq!(reason, Departure::Remote { data });
    // The fast one goes on.
    fast.send_bytes(moderate.id(), TransferChannel::ZERO, TransferMode::Reliable, b"hello")
        .expect("sent");
    while !matches!(next(&moderate).await, ClientEvent::Packet(packet) if packet.from == fast.id()) {}
}

#[tokio::test]
async fn twenty_megabytes_pass_in_one_packet_and_in_many() {
    let mut server = Server::start().await;
    let [a, b, _c] = three(&mut server).await;
    let large: Vec<u8> = (0..20_000_000u32).map(|at| ((at * 31) >> 8) as u8).collect();
    a.send_bytes(b.id(), channel(3), TransferMode::Reliable, &large)
        .expect("sent");
    assert_eq!(raw(&packet(&b).await), large);
    for number in 0..20 {
        a.send_bytes(b.id(), channel(3), TransferMode::Reliable, &vec![number; 1 << 20])
            .expect("sent");
    }
    for number in 0..20 {
        assert_eq!(raw(&packet(&b).await), vec![number; 1 << 20]);
    }
    let statistics = server.server.statistics();
    assert_eq!((statistics.too_fast, statistics.too_slow, statistics.unsent), (0, 0, 0));
}

#[tokio::test]
async fn one_large_packet_to_all_harms_nobody_though_the_server_may_hold_little() {
    let options = ServerOptions::default().with_endpoint(|endpoint| endpoint.host.max_held_data = 40 << 20);
    let mut server = Server::with(options).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(server.join().await);
    }
    for client in &clients {
        while client.peers().len() < 20 {
            next(client).await;
        }
    }
    let data = vec![9; 15 << 20];
    clients[0]
        .send_bytes(Target::All, channel(1), TransferMode::Reliable, &data)
        .expect("sent");
    for client in &clients[1..] {
        assert_eq!(packet(client).await.data.len(), (15 << 20) + 1);
    }
    let statistics = server.server.statistics();
    assert_eq!(
        (statistics.clients, statistics.too_fast, statistics.too_slow),
        (20, 0, 0)
    );
}

#[tokio::test]
async fn a_client_that_takes_less_than_the_program_sends_is_dropped_and_the_others_are_told() {
    let (mut server, slow) = slow_client().await;
    let quick = server.join().await;
    expect(&quick, ClientEvent::PeerConnected { id: slow.id() }).await;
    let data = vec![7; 10_000];
    let reason = soon(async {
        loop {
            server
                .server
                .send_bytes(
                    Target::AllBut(quick.id()),
                    TransferChannel::ZERO,
                    TransferMode::Reliable,
                    &data,
                )
                .expect("there are clients");
            match next_now(&mut server).await {
                Some(ServerEvent::PeerDisconnected { reason, .. }) => break reason,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        }
    })
    .await;
    assert_eq!(reason, Departure::TooSlow);
    let statistics = server.server.statistics();
    assert_eq!((statistics.too_fast, statistics.too_slow), (0, 1));
    expect(&quick, ClientEvent::PeerDisconnected { id: slow.id() }).await;
}

/// The server's next event, if there is one after everyone had a turn.
async fn next_now(server: &mut Server) -> Option<ServerEvent> {
    timeout(Duration::from_millis(1), server.events.recv())
        .await
        .ok()
        .flatten()
}

/// A thousand clients, all on one socket, that count who they are told of.
struct Thousand {
    endpoint: EventEndpoint,
    known: HashMap<PeerHandle, HashSet<PeerId>>,
    told: usize,
}

impl Thousand {
    const COUNT: u32 = 1000;

    fn new() -> Thousand {
        let config = Config::default().with_host(|host| host.accept = false);
        Thousand {
            endpoint: EventEndpoint::client(config).expect("a free port"),
            known: HashMap::new(),
            told: 0,
        }
    }

    fn join(&self, server: SocketAddr, number: u32) {
        self.endpoint
            .connect(server, 2, number + 2)
            .expect("it can be asked for");
    }

    /// Waits until so many are in.
    async fn enter(&mut self, count: u32) {
        while self.known.len() < count as usize {
            self.step().await;
        }
    }

    /// Waits until all are in and know each other.
    async fn meet(&mut self) {
        self.enter(Thousand::COUNT).await;
        while self.told < 1000 * 999 {
            self.step().await;
        }
    }

    async fn step(&mut self) {
        match soon(self.endpoint.next_event()).await.expect("it goes on") {
            Event::Connected { peer, .. } => drop(self.known.insert(peer, HashSet::new())),
            Event::Received { peer, packet, .. } => match Message::parse(&packet.data) {
                Ok(Message::System(System::AddPeer(id))) => {
                    assert!(self.known.entry(peer).or_default().insert(id), "{id} twice");
                    self.told += 1;
                }
                other => panic!("{other:?}"),
            },
            Event::Disconnected { reason, .. } => panic!("{reason:?}"),
        }
    }
}

/// A server where a thousand have room only if their introductions do not all wait at once: those take 128 MB.
async fn narrow_server() -> Server {
    Server::with(ServerOptions::default().with_endpoint(|endpoint| {
        endpoint.host.max_queued_data = 200_000;
        endpoint.host.max_held_data = 100_000_000;
    }))
    .await
}

#[tokio::test]
async fn a_thousand_that_come_at_once_get_to_know_each_other_within_the_limits() {
    let server = narrow_server().await;
    let mut clients = Thousand::new();
    for number in 0..Thousand::COUNT {
        clients.join(server.server.local_addr(), number);
    }
    clients.meet().await;
    let statistics = server.server.statistics();
    assert_eq!((statistics.too_slow, statistics.too_fast, statistics.unsent), (0, 0, 0));
    assert_eq!(statistics.endpoint.host.limits.held_data, 0);
    assert_eq!(statistics.scene.announced, 1000 * 999);
}

#[tokio::test]
async fn a_thousand_that_come_one_after_the_other_get_to_know_each_other_within_the_limits() {
    let server = narrow_server().await;
    let mut clients = Thousand::new();
    for number in 0..Thousand::COUNT {
        clients.join(server.server.local_addr(), number);
        clients.enter(number + 1).await;
    }
    clients.meet().await;
    let statistics = server.server.statistics();
    assert_eq!((statistics.too_slow, statistics.too_fast, statistics.unsent), (0, 0, 0));
    assert_eq!(statistics.scene.announced, 1000 * 999);
}

#[tokio::test]
async fn a_hundred_clients_that_come_at_once_all_get_to_know_each_other() {
    let server = Server::start().await;
    let address = server.server.local_addr();
    let joining: Vec<_> = (0..100).map(|_| tokio::spawn(join(address))).collect();
    let mut clients = Vec::new();
    for client in joining {
        clients.push(client.await.expect("no panic"));
    }
    let meeting: Vec<_> = clients
        .into_iter()
        .map(|client| {
            tokio::spawn(async move {
                while client.peers().len() < 100 {
                    assert!(matches!(next(&client).await, ClientEvent::PeerConnected { .. }));
                }
                client
            })
        })
        .collect();
    for client in meeting {
        client.await.expect("all are there");
    }
    let scene = server.server.statistics().scene;
    assert_eq!(scene.announced, 100 * 99);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_closes_as_soon_as_it_has_joined_is_seen_to_come_and_to_go() {
    let mut server = Server::start().await;
    for _ in 0..10 {
        let client = join(server.server.local_addr()).await;
        let id = client.id();
        timeout(Duration::from_secs(4), client.close(0))
            .await
            .expect("the server confirms");
        assert_eq!(server.next().await, ServerEvent::PeerConnected { id });
        assert!(matches!(server.next().await, ServerEvent::PeerDisconnected { id: left, .. } if left == id));
    }
}
