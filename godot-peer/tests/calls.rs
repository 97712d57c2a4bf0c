//! A server and clients that call each other with values, over real sockets.

use std::time::Duration;

use godot_peer::calls::{Call, CallError, CallLimits, Handlers};
use godot_peer::scene::{Interface, Method};
use godot_peer::{
    ClientEvent, ClientOptions, Departure, GodotClient, GodotServer, PeerId, ServerEvent, ServerOptions, Target,
};
use godot_variant::{Dictionary, Vector2};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(20);
const NODE: &str = "Main";

fn interface() -> Interface {
    Interface::new()
        .with("find", Method::any_peer())
        .with_arguments::<(Vector2,)>("find")
        .with("found", Method::authority())
        .with_arguments::<(Dictionary,)>("found")
        .with("say", Method::any_peer().with_call_local())
}

async fn server(options: ServerOptions) -> GodotServer {
    let server = GodotServer::bind("127.0.0.1:0", options).await.expect("a server");
    server.add_node(NODE, &interface()).expect("a path");
    server
}

async fn client(server: &GodotServer) -> GodotClient {
    let joining = GodotClient::connect(server.local_addr(), ClientOptions::default());
    let client = joining.await.expect("it joins");
    client.add_node(NODE, &interface()).expect("a path");
    client
}

/// Follows the server and clients until one of them gets what is waited for.
async fn at_server<T>(
    server: &GodotServer,
    clients: &[&GodotClient],
    mut seen: impl FnMut(ServerEvent) -> Option<T>,
) -> T {
    let follow = async {
        loop {
            tokio::select! {
                event = server.next_event() => {
                    if let Some(found) = seen(event.expect("it goes on")) {
                        return found;
                    }
                }
                () = idle(clients) => {}
            }
        }
    };
    timeout(LONG, follow).await.expect("in time")
}

async fn at_client<T>(server: &GodotServer, client: &GodotClient, mut seen: impl FnMut(ClientEvent) -> Option<T>) -> T {
    let follow = async {
        loop {
            tokio::select! {
                event = client.next_event() => {
                    if let Some(found) = seen(event.expect("it goes on")) {
                        return found;
                    }
                }
                _ = server.next_event() => {}
            }
        }
    };
    timeout(LONG, follow).await.expect("in time")
}

/// Takes what clients are told, one event.
async fn idle(clients: &[&GodotClient]) {
    match clients {
        [client, ..] => drop(client.next_event().await),
        [] => std::future::pending().await,
    }
}

fn call_to_server(event: ServerEvent) -> Option<Call> {
    match event {
        ServerEvent::Call(call) => Some(call),
        _ => None,
    }
}

fn call_to_client(event: ClientEvent) -> Option<Call> {
    match event {
        ClientEvent::Call(call) => Some(call),
        _ => None,
    }
}

#[tokio::test]
async fn a_client_asks_with_a_vector_and_gets_a_dictionary_back() {
    let server = server(ServerOptions::default()).await;
    let client = client(&server).await;
    // By path, and then by the number.
    for x in [3.0, 4.0, 5.0] {
        client
            .call(Target::SERVER, NODE, "find", (Vector2::new(x, 1.0),))
            .expect("sent");
        let call = at_server(&server, &[], call_to_server).await;
        assert_eq!((call.from, &*call.node, &*call.method), (client.id(), NODE, "find"));
        let (at,) = call.arguments::<(Vector2,)>().expect("a vector");
        let mut answer = Dictionary::new();
        answer.insert("at", at).expect("any key");
        server.call(call.from, NODE, "found", (answer,)).expect("sent");
        let call = at_client(&server, &client, call_to_client).await;
        let (found,) = call.arguments::<(Dictionary,)>().expect("a dictionary");
        assert_eq!(found.get_str("at"), Some(&Vector2::new(x, 1.0).into()));
        assert_eq!(call.from, PeerId::SERVER);
    }
    assert_eq!(server.statistics().calls.refused, 0);
    assert_eq!(server.statistics().calls.offered, 1);
    assert_eq!(client.call_statistics().offered, 1);
}

#[tokio::test]
async fn a_server_that_relays_nothing_is_called_by_number_too() {
    let server = server(ServerOptions::default().with_relay(false)).await;
    let client = client(&server).await;
    let mut x = 0.0;
    // Calls carry the number from the confirmation on.
    while client.call_statistics().confirmed == 0 {
        x += 1.0;
        client
            .call(Target::SERVER, NODE, "find", (Vector2::new(x, 1.0),))
            .expect("sent");
        let call = at_server(&server, &[&client], call_to_server).await;
        assert_eq!(call.arguments::<(Vector2,)>(), Ok((Vector2::new(x, 1.0),)));
        server
            .call(call.from, NODE, "found", (Dictionary::new(),))
            .expect("sent");
        at_client(&server, &client, call_to_client).await;
        assert!(x < 100.0, "it is not confirmed");
    }
    client
        .call(Target::SERVER, NODE, "find", (Vector2::new(0.5, 1.0),))
        .expect("sent");
    let call = at_server(&server, &[&client], call_to_server).await;
    assert_eq!(call.arguments::<(Vector2,)>(), Ok((Vector2::new(0.5, 1.0),)));
}

#[tokio::test]
async fn clients_call_each_other_through_the_server_which_speaks_for_one_too() {
    let server = server(ServerOptions::default()).await;
    let one = client(&server).await;
    let other = client(&server).await;
    let two = one.id();
    at_client(&server, &other, |event| {
        matches!(event, ClientEvent::PeerConnected { id } if id == two).then_some(())
    })
    .await;

    let three = other.id();
    at_client(&server, &one, |event| {
        matches!(event, ClientEvent::PeerConnected { id } if id == three).then_some(())
    })
    .await;

    // To all: the server, the other, and itself.
    one.call(Target::All, NODE, "say", ("hi",)).expect("sent");
    let local = at_client(&server, &one, call_to_client).await;
    assert_eq!((local.from, &*local.method), (two, "say"));
    let relayed = at_client(&server, &other, call_to_client).await;
    assert_eq!(relayed.arguments::<(String,)>(), Ok(("hi".to_owned(),)));
    assert_eq!(relayed.from, two);

    // In another's name, for whom the node is.
    other.set_authority(NODE, one.id()).expect("it is there");
    server
        .call_as(one.id(), Target::All, NODE, "found", (Dictionary::new(),))
        .expect("sent");
    let call = at_client(&server, &other, |event| {
        call_to_client(event).filter(|call| &*call.method == "found")
    })
    .await;
    assert_eq!(call.from, one.id());
    let error = server.call_as(other.id(), other.id(), NODE, "found", (Dictionary::new(),));
    assert!(matches!(error, Err(CallError::Send(_))), "not to itself");
}

#[tokio::test]
async fn a_client_whose_calls_are_bad_is_refused_and_then_disconnected() {
    let limits = CallLimits::default().with_kick_after(3);
    let server = server(ServerOptions::default().with_call_limits(limits)).await;
    let client = client(&server).await;
    // Only the authority may call it, and "find" takes a vector.
    client
        .call(Target::SERVER, NODE, "found", (Dictionary::new(),))
        .expect("sent");
    client.call(Target::SERVER, NODE, "find", ("text",)).expect("sent");
    client.call(Target::SERVER, NODE, "say", ("last",)).expect("sent");
    let call = at_server(&server, &[&client], call_to_server).await;
    assert_eq!(&*call.method, "say");
    assert_eq!(server.refused_calls(client.id()), 2);
    server.refuse(&call, "not in this game");
    let reason = at_server(&server, &[], |event| match event {
        ServerEvent::PeerDisconnected { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, Departure::BadCalls);
    assert_eq!(server.statistics().bad_calls, 1);
    let end = at_client(&server, &client, |event| match event {
        ClientEvent::Disconnected { reason } => Some(reason),
        _ => None,
    });
    let data = Departure::BAD_CALLS;
    assert_eq!(end.await, Departure::Remote { data });
}

#[tokio::test]
async fn handlers_take_the_calls_of_clients() {
    #[derive(Default)]
    struct Game {
        said: Vec<(PeerId, String)>,
    }
    let mut handlers = Handlers::new();
    handlers.node(NODE).on(
        "say",
        Method::any_peer(),
        |game: &mut Game, caller, (text,): (String,)| {
            game.said.push((caller.from, text));
        },
    );
    let server = GodotServer::bind("127.0.0.1:0", ServerOptions::default())
        .await
        .expect("a server");
    for (path, interface) in handlers.interfaces() {
        server.add_node(path, interface).expect("a path");
        let joining = GodotClient::connect(server.local_addr(), ClientOptions::default());
        let client = joining.await.expect("it joins");
        client.add_node(path, interface).expect("a path");
        client.call(Target::SERVER, path, "say", ("hello",)).expect("sent");
        let call = at_server(&server, &[&client], call_to_server).await;
        let mut game = Game::default();
        handlers.handle(&mut game, call).expect("it is handled");
        assert_eq!(game.said, [(client.id(), "hello".to_owned())]);
    }
}
