//! The command as a user runs it.
#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use godot_peer::{
    ClientEvent, ClientOptions, Compression, Departure, GodotClient, PeerId, Target, TransferChannel, TransferMode,
    scene::{Arguments, Message, MethodId, Rpc},
};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{timeout, timeout_at};

const LONG: Duration = Duration::from_secs(30);

/// A running `enet serve`.
struct Serve {
    child: Child,
    address: SocketAddr,
    log: Receiver<String>,
}

impl Serve {
    fn start(arguments: &[&str]) -> Serve {
        Serve::run(enet(arguments))
    }

    fn run(mut command: Command) -> Serve {
        let mut child = command.spawn().expect("the binary was built");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = lines.next().expect("a line").expect("UTF-8");
        let log = lines_of(child.stderr.take().expect("a pipe"));
        Serve {
            child,
            address: address_in(&line),
            log,
        }
    }

    fn local() -> Serve {
        Serve::start(&["serve", "--bind", "127.0.0.1:0"])
    }

    /// Where clients on this machine reach it.
    fn reachable(&self) -> SocketAddr {
        match self.address.ip().is_unspecified() {
            true => SocketAddr::from(([127, 0, 0, 1], self.address.port())),
            false => self.address,
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits for its end.
    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + LONG;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < end, "it did not end");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for a line of the log.
    fn logged(&self, part: &str) -> String {
        let end = Instant::now() + LONG;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self
                .log
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no log line with {part}"));
            if line.contains(part) {
                return line;
            }
        }
    }
}

impl Serve {
    /// Waits for a line of the log while clients on this thread go on.
    async fn logs(&self, part: &str) {
        let end = Instant::now() + LONG;
        let mut others = Vec::new();
        loop {
            match self.log.try_recv() {
                Ok(line) if line.contains(part) => return,
                Ok(line) => others.push(line),
                Err(_) => {
                    assert!(Instant::now() < end, "no log line with {part}, but {others:?}");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn enet(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enet"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn address_in(line: &str) -> SocketAddr {
    let address = line.trim().strip_prefix("listening on ");
    address.unwrap_or_else(|| panic!("{line}")).parse().expect("an address")
}

fn lines_of(source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn join(address: SocketAddr) -> GodotClient {
    timeout(LONG, GodotClient::connect(address, ClientOptions::default()))
        .await
        .expect("in time")
        .expect("the server answers")
}

async fn next(client: &GodotClient) -> ClientEvent {
    timeout(LONG, client.next_event())
        .await
        .expect("in time")
        .expect("the session goes on")
}

/// It ends with status 1 and one line on standard error, which is returned.
fn refused(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = enet(arguments).output().expect("the binary was built");
    let stderr = String::from_utf8(stderr).expect("UTF-8");
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert_eq!(stdout, b"");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let line = refused(&["serve", "--bind", &address]);
    assert!(
        line.starts_with("enet: port ") && line.contains("in use") && line.contains(&address),
        "{line}"
    );
}

#[test]
fn bad_addresses_are_one_clear_line() {
    for (address, part) in [
        ("127.0.0.1:99999", "\"99999\" in \"127.0.0.1:99999\" is no port"),
        ("1.2.3", "\"1.2.3\" is no IP address and no host name"),
        ("enet://localhost", "\"enet://localhost\" is a URL"),
        ("224.0.0.1", "\"224.0.0.1:7777\" is a multicast address"),
        ("no-such-host.invalid", "cannot resolve \"no-such-host.invalid\""),
        ("203.0.113.77:0", "203.0.113.77 is not an address of this machine"),
    ] {
        let line = refused(&["serve", "--bind", address]);
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn a_host_name_is_an_address_to_listen_on() {
    let serve = Serve::start(&["serve", "--bind", "localhost:0"]);
    assert!(serve.address.ip().is_loopback());
    runtime().block_on(async { drop(join(serve.address).await) });
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_on_all_interfaces_answers_from_the_address_that_was_called() {
    let serve = Serve::start(&["serve", "--port", "0"]);
    // The client takes answers from the address that it has called only.
    for called in [[127, 0, 0, 2], [127, 0, 0, 3]] {
        let address = SocketAddr::from((called, serve.address.port()));
        runtime().block_on(async { drop(join(address).await) });
    }
}

#[test]
fn bad_log_filters_are_one_clear_line() {
    for (filter, part) in [
        ("enet=loud", "--log: \"enet=loud\" is no log filter"),
        (
            "blah",
            "--log: \"blah\" is no log level: there are off, error, warn, info, debug, trace",
        ),
        ("godot-peer=debug", "--log: nothing in here is called \"godot-peer\""),
    ] {
        let line = refused(&["serve", "--log", filter]);
        assert!(line.contains(part), "{line}");
    }
}

/// Within this of a signal all clients are told.
const TOLD: Duration = Duration::from_millis(100);

/// A machine that is busy with other tests may need to be asked again.
fn ends_well_by(signal: Signal) {
    let mut told = Vec::new();
    while told.len() < 3 {
        let last = told_after(signal);
        if last <= TOLD {
            return;
        }
        told.push(last);
    }
    panic!("told after {told:?}");
}

/// How long after the signal the last of eight clients was told.
fn told_after(signal: Signal) -> Duration {
    let mut serve = Serve::local();
    let last = runtime().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.push(join(serve.address).await);
        }
        for client in &clients {
            while client.peers().len() < clients.len() {
                assert!(matches!(next(client).await, ClientEvent::PeerConnected { .. }));
            }
        }
        let start = Instant::now();
        serve.signal(signal);
        let mut last = Duration::ZERO;
        for client in &clients {
            let reason = Departure::Remote { data: 0 };
            assert_eq!(next(client).await, ClientEvent::Disconnected { reason });
            last = start.elapsed();
        }
        last
    });
    assert_eq!(serve.wait().code(), Some(0));
    last
}

async fn expect_peer(client: &GodotClient, id: PeerId) {
    assert_eq!(next(client).await, ClientEvent::PeerConnected { id });
}

#[test]
fn clients_are_told_when_it_is_interrupted() {
    ends_well_by(Signal::INT);
}

#[test]
fn clients_are_told_when_it_is_terminated() {
    ends_well_by(Signal::TERM);
}

#[test]
fn clients_are_told_when_its_terminal_hangs_up() {
    ends_well_by(Signal::HUP);
}

#[test]
fn with_nohup_it_stays() {
    let mut child = Command::new("nohup")
        .args([env!("CARGO_BIN_EXE_enet"), "serve", "--bind", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a nohup");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let address = address_in(&lines.next().expect("a line").expect("UTF-8"));
    let log = lines_of(child.stderr.take().expect("a pipe"));
    let mut serve = Serve { child, address, log };
    runtime().block_on(async {
        let _first = join(serve.address).await;
        serve.signal(Signal::HUP);
        // Whoever stops does not let anybody in.
        let _second = join(serve.address).await;
        for _ in 0..2 {
            serve.logs("joined").await;
        }
        serve.signal(Signal::TERM);
        serve.logs("stopping, 2 clients are told").await;
    });
    assert_eq!(serve.wait().code(), Some(0));
}

#[test]
fn it_says_how_many_were_told_that_it_stops() {
    let mut serve = Serve::local();
    runtime().block_on(async {
        let clients = [
            join(serve.address).await,
            join(serve.address).await,
            join(serve.address).await,
        ];
        for _ in &clients {
            serve.logs("joined").await;
        }
        serve.signal(Signal::INT);
        serve.logs("stopping, 3 clients are told").await;
        serve.logs("of 3 clients have confirmed").await;
    });
    assert_eq!(serve.wait().code(), Some(0));
}

#[test]
fn a_client_that_is_frozen_does_not_hold_it_up() {
    let mut serve = Serve::local();
    let runtime = runtime();
    // Nobody runs it any more once it has joined.
    let _client = runtime.block_on(async {
        let client = join(serve.address).await;
        serve.logs("joined").await;
        client
    });
    serve.signal(Signal::INT);
    let start = Instant::now();
    assert_eq!(serve.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut serve = Serve::local();
    let runtime = runtime();
    let _client = runtime.block_on(async {
        let client = join(serve.address).await;
        serve.logs("joined").await;
        client
    });
    // Two of a kind could be taken for one.
    serve.signal(Signal::INT);
    serve.signal(Signal::TERM);
    let status = serve.wait();
    assert_eq!(status.code(), Some(130), "{:?}", status.signal());
}

#[test]
fn clients_talk_to_each_other_through_it() {
    let serve = Serve::local();
    runtime().block_on(async {
        let [a, b] = [join(serve.address).await, join(serve.address).await];
        expect_peer(&a, b.id()).await;
        expect_peer(&b, a.id()).await;
        let text = b"hello".as_slice();
        for target in [Target::All, Target::One(b.id())] {
            a.send_bytes(target, TransferChannel::ZERO, TransferMode::Reliable, text)
                .expect("sent");
            let ClientEvent::Packet(packet) = next(&b).await else {
                panic!("no packet");
            };
            assert_eq!((packet.from, packet.message()), (a.id(), Ok(Message::Raw(text.into()))));
        }
        a.close(0).await;
        assert_eq!(next(&b).await, ClientEvent::PeerDisconnected { id: a.id() });
        serve.logged(&format!("{} left: closed by the other side", a.id()));
    });
}

#[test]
fn it_listens_on_all_interfaces_by_default() {
    let serve = Serve::start(&["serve", "--port", "0"]);
    assert!(serve.address.ip().is_unspecified());
    assert_ne!(serve.address.port(), 0);
    runtime().block_on(async {
        join(serve.reachable()).await;
        if serve.address.is_ipv6() && UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
            join((Ipv6Addr::LOCALHOST, serve.address.port()).into()).await;
        }
    });
}

#[test]
fn limits_are_kept() {
    let serve = Serve::start(&[
        "serve",
        "--bind",
        "127.0.0.1:0",
        "--max-clients",
        "1",
        "--max-channels",
        "2",
    ]);
    runtime().block_on(async {
        let client = join(serve.address).await;
        let channel = |number| TransferChannel::new(number).expect("a channel");
        let send = |number| client.send_bytes(Target::SERVER, channel(number), TransferMode::Reliable, b"x");
        assert!(send(2).is_ok());
        assert!(send(3).is_err());
        serve.logs("4 channels").await;
        let impatient = ClientOptions::default().with_endpoint(|endpoint| {
            endpoint.connect_timeout = Duration::from_millis(700);
        });
        assert!(GodotClient::connect(serve.address, impatient).await.is_err());
    });
}

#[test]
fn a_full_server_says_so() {
    let serve = Serve::start(&["serve", "--bind", "127.0.0.1:0", "--max-clients", "1", "--status"]);
    runtime().block_on(async {
        let _client = join(serve.address).await;
        serve.logs("joined").await;
        let other = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        for _ in 0..3 {
            other.send_to(&CONNECT, serve.address).expect("sent");
        }
        serve
            .logs("full, 1 clients of 1: 3 requests to join got no answer")
            .await;
        // An attempt that was refused is not a bad datagram as well.
        serve.logs(" 0 dropped, 3 limited").await;
    });
}

#[test]
fn calls_of_the_server_are_told_once_for_each_client_and_method() {
    let serve = Serve::local();
    runtime().block_on(async {
        let client = join(serve.address).await;
        let call = |path: &str, method| {
            let rpc = Rpc::new(path, MethodId(method), Arguments::None).to_bytes();
            client
                .send(Target::SERVER, TransferChannel::ZERO, TransferMode::Reliable, rpc)
                .expect("sent");
        };
        for _ in 0..3 {
            call("Main", 3);
        }
        call("Main/Chat", 0);
        let said = |what: &str| format!("client {} called method {what} on the server", client.id());
        serve.logs(&said("3 of Main")).await;
        // Nothing in between.
        let next = timeout(LONG, async {
            loop {
                match serve.log.try_recv() {
                    Ok(line) => return line,
                    Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                }
            }
        });
        let next = next.await.expect("in time");
        assert!(next.contains(&said("0 of Main/Chat")), "{next}");
    });
}

#[test]
fn clients_of_one_address_are_limited() {
    let serve = Serve::start(&["serve", "--bind", "127.0.0.1:0", "--max-per-address", "1"]);
    runtime().block_on(async {
        let from = |ip: [u8; 4]| {
            ClientOptions::default()
                .with_bind_address((ip, 0).into())
                .with_endpoint(|endpoint| endpoint.connect_timeout = Duration::from_millis(700))
        };
        let _first = join(serve.address).await;
        serve.logs("joined").await;
        assert!(GodotClient::connect(serve.address, from([127, 0, 0, 1])).await.is_err());
        let other = GodotClient::connect(serve.address, from([127, 0, 0, 2]));
        assert!(timeout(LONG, other).await.expect("in time").is_ok());
    });
}

#[test]
fn limits_of_nothing_are_refused() {
    for option in ["--max-clients", "--max-per-address", "--max-joins", "--max-memory"] {
        let Output { status, stderr, .. } = enet(&["serve", option, "0"]).output().expect("the binary was built");
        assert_eq!(status.code(), Some(2));
        let stderr = String::from_utf8(stderr).expect("UTF-8");
        assert!(stderr.contains(option) && stderr.contains("1.."), "{stderr}");
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused_by_the_option_s_own_error() {
    for (option, value, part) in [
        ("--port", "-1", "-1 is not in 0..=65535"),
        ("--max-clients", "-1", "-1 is not in 1.."),
        ("--max-channels", "254", "254 is not in 0..=253"),
        ("--max-memory", "-1", "-1 is no size"),
        ("--in-bandwidth", "-1", "-1 is no size"),
        ("--out-bandwidth", "4G", "4G is not in 0..=4294967295"),
        ("--out-bandwidth", "fast", "fast is no size"),
    ] {
        let Output { status, stderr, .. } = enet(&["serve", option, value]).output().expect("it was built");
        assert_eq!(status.code(), Some(2));
        let stderr = String::from_utf8(stderr).expect("UTF-8");
        assert!(
            stderr.contains(&format!("invalid value '{value}' for '{option} ")) && stderr.contains(part),
            "{stderr}"
        );
    }
}

#[test]
fn what_can_be_meant_but_hardly_is_gets_a_warning() {
    let mut serve = Serve::start(&[
        "serve",
        "--bind",
        "127.0.0.1:0",
        "--out-bandwidth",
        "1",
        "--max-memory",
        "4000000G",
    ]);
    serve.logged("--out-bandwidth 1 is in bytes per second");
    if cfg!(target_os = "linux") {
        serve.logged("--max-memory 4000000 GiB is more than this machine has");
    }
    serve.signal(Signal::INT);
    assert_eq!(serve.wait().code(), Some(0));
    let mut sane = Serve::start(&[
        "serve",
        "--bind",
        "127.0.0.1:0",
        "--out-bandwidth",
        "10M",
        "--max-memory",
        "64M",
    ]);
    sane.signal(Signal::INT);
    assert_eq!(sane.wait().code(), Some(0));
    assert!(sane.log.iter().all(|line| !line.contains("WARN")));
}

/// A stock client's first CONNECT, with 2 channels and no limits.
const CONNECT: [u8; 52] = [
    0x8F, 0xFF, 0, 1, 0x82, 0xFF, 0, 1, 0, 0, 0xFF, 0xFF, 0, 0, 0x05, 0x70, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0x13, 0x88, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 0, 0, 0, 0,
];

#[test]
fn clients_are_told_of_bandwidth_limits() {
    let limits = ["--in-bandwidth", "100000", "--out-bandwidth", "200000"];
    let serve = Serve::start(&[&["serve", "--bind", "127.0.0.1:0"], &limits[..]].concat());
    let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    client.set_read_timeout(Some(LONG)).expect("it can wait");
    client.send_to(&CONNECT, serve.address).expect("sent");
    let mut verify = [0; 100];
    let length = client.recv(&mut verify).expect("an answer");
    assert_eq!((length, verify[4] & 0x0F), (48, 3), "a VERIFY_CONNECT");
    let field = |at: usize| u32::from_be_bytes(verify[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((field(24), field(28)), (100_000, 200_000));
}

#[test]
fn the_log_is_as_asked_for() {
    let serve = Serve::start(&["serve", "--bind", "127.0.0.1:0", "--log", "warn,enet_tokio=debug"]);
    serve.logged("socket bound");
    let mut quiet = Serve::start(&["serve", "--bind", "127.0.0.1:0", "--log", "off"]);
    runtime().block_on(async { drop(join(quiet.address).await) });
    quiet.signal(Signal::INT);
    assert_eq!(quiet.wait().code(), Some(0));
    assert_eq!(quiet.log.iter().count(), 0);
}

#[test]
fn the_log_is_as_the_environment_asks_for_unless_the_option_does() {
    let start = |arguments: &[&str]| {
        let arguments = [&["serve", "--bind", "127.0.0.1:0"], arguments].concat();
        let mut command = enet(&arguments);
        command.env("RUST_LOG", "enet_tokio=debug");
        Serve::run(command)
    };
    start(&[]).logged("socket bound");
    let mut quiet = start(&["--log", "error"]);
    quiet.signal(Signal::INT);
    assert_eq!(quiet.wait().code(), Some(0));
    assert_eq!(quiet.log.iter().count(), 0);
}

#[test]
fn nobody_can_flood_a_debugging_log() {
    const SENT: usize = 20_000;
    let mut serve = Serve::start(&["serve", "--bind", "127.0.0.1:0", "--log", "trace"]);
    let start = Instant::now();
    runtime().block_on(async {
        let client = join(serve.address).await;
        for _ in 0..SENT {
            client
                .send_bytes(Target::SERVER, TransferChannel::ZERO, TransferMode::Reliable, b"x")
                .expect("sent");
            tokio::task::yield_now().await;
        }
        // What was sent is delivered first.
        client.close(0).await;
    });
    serve.signal(Signal::INT);
    assert_eq!(serve.wait().code(), Some(0));
    let seconds = usize::try_from(start.elapsed().as_secs()).expect("few") + 2;
    let lines: Vec<String> = serve.log.iter().collect();
    let records = lines
        .iter()
        .filter(|line| line.contains("for the server ignored"))
        .count();
    assert!((100..=100 * seconds).contains(&records), "{records} in {seconds} s");
    assert!(lines.len() < SENT / 10, "{}", lines.len());
    assert!(
        lines
            .iter()
            .any(|line| line.contains("more records as those of enet::serve")),
        "{:?}",
        lines.last()
    );
}

#[test]
fn clients_that_compress_alike_are_understood() {
    for &kind in Compression::ALL {
        let serve = Serve::start(&["serve", "--bind", "127.0.0.1:0", "--compression", kind.name()]);
        runtime().block_on(async {
            let options = || ClientOptions::default().with_compression(kind);
            let join = async || {
                let joined = timeout(LONG, GodotClient::connect(serve.address, options())).await;
                joined.expect("in time").expect("the server answers")
            };
            let [a, b] = [join().await, join().await];
            expect_peer(&a, b.id()).await;
            expect_peer(&b, a.id()).await;
            let text: &[u8] = &[b'x'; 500];
            a.send_bytes(Target::All, TransferChannel::ZERO, TransferMode::Reliable, text)
                .expect("sent");
            let ClientEvent::Packet(packet) = next(&b).await else {
                panic!("no packet");
            };
            assert_eq!(packet.message(), Ok(Message::Raw(text.into())), "{kind}");
        });
    }
}

#[test]
fn an_unknown_compression_is_answered_with_those_there_are() {
    let Output { status, stderr, .. } = enet(&["serve", "--compression", "lzma"])
        .output()
        .expect("it was built");
    assert_eq!(status.code(), Some(2));
    let stderr = String::from_utf8(stderr).expect("UTF-8");
    assert!(
        stderr.contains("[possible values: none, range-coder, fastlz, zlib, zstd]"),
        "{stderr}"
    );
}

#[test]
fn without_a_terminal_figures_are_logged() {
    let serve = Serve::start(&["serve", "--bind", "127.0.0.1:0", "--status"]);
    let line = serve.logged("0 clients of 4095, 0 joining, in ");
    assert!(line.ends_with("0 packets relayed, 0 dropped, 0 limited"), "{line}");
}

/// A terminal: what a person sees, and what a program has as its output.
fn terminal() -> (OwnedFd, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("it is ours");
    unlockpt(&master).expect("it is ours");
    // The server must not have this end as well, or it would never be closed.
    fcntl_setfd(&master, FdFlags::CLOEXEC).expect("it is ours");
    let name = ptsname(&master, Vec::new())
        .expect("a name")
        .into_string()
        .expect("UTF-8");
    let output = File::options()
        .read(true)
        .write(true)
        .open(name)
        .expect("the other end");
    (master, output)
}

/// Starts a server with a table on a terminal, and its log in a pipe.
fn with_a_table(master: OwnedFd, output: File) -> (Serve, Shown) {
    let mut child = enet(&["serve", "--bind", "127.0.0.1:0", "--status"])
        .stdout(output)
        .spawn()
        .expect("the binary was built");
    let log = lines_of(child.stderr.take().expect("a pipe"));
    let (shown, address) = Shown::begin(master);
    (Serve { child, address, log }, shown)
}

#[test]
fn on_a_terminal_there_is_a_table() {
    let (master, output) = terminal();
    let (mut serve, mut shown) = with_a_table(master, output);
    let runtime = runtime();
    let client = runtime.block_on(join(serve.address));
    let id = client.id().to_string();
    // The client goes on while the terminal is read.
    runtime.block_on(async {
        // Once in the log under the table, and then in the table itself.
        shown.until("CHANNELS").await;
        shown.until(&format!("{id} 127.0.0.1:")).await;
        shown.until(&format!("{id} joined")).await;
        client.close(0).await;
        shown.until(&format!("{id} left")).await;
    });
    serve.signal(Signal::INT);
    // The way back to the ordinary screen.
    runtime.block_on(shown.until("\x1b[?1049l"));
    assert_eq!(serve.wait().code(), Some(0));
    // Standard error goes elsewhere, and has all lines as well.
    let log: Vec<String> = serve.log.iter().collect();
    for part in [
        "joined from 127.0.0.1",
        "left",
        "stopping, 0 clients",
        "stopped, 0 of 0",
    ] {
        assert!(log.iter().any(|line| line.contains(part)), "{part} in {log:?}");
    }
}

#[test]
fn what_is_logged_beside_the_table_is_on_the_terminal_in_the_end() {
    let (master, output) = terminal();
    let log = output.try_clone().expect("a copy");
    let child = enet(&["serve", "--bind", "127.0.0.1:0", "--status"])
        .stdout(output)
        .stderr(log)
        .spawn()
        .expect("the binary was built");
    let (mut shown, address) = Shown::begin(master);
    let (_, log) = mpsc::channel();
    let mut serve = Serve { child, address, log };
    runtime().block_on(async {
        let client = join(serve.address).await;
        shown.until("CHANNELS").await;
        shown.until(&format!("{} joined", client.id())).await;
        serve.signal(Signal::TERM);
        shown.until("of 1 clients have confirmed").await;
    });
    assert_eq!(serve.wait().code(), Some(0));
    let (table, after) = shown.text.split_once("\x1b[?1049l").expect("it has left the table");
    assert!(
        after.contains("joined from") && after.contains("stopping, 1 clients"),
        "{after}"
    );
    assert!(!table.contains("\n") || !table.rsplit("\x1b[?1049h").next().unwrap_or_default().contains("\r\n"));
}

#[test]
fn a_small_terminal_shows_a_client() {
    let (master, output) = terminal();
    let size = Winsize {
        ws_row: 8,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&output, size).expect("a size");
    let (serve, mut shown) = with_a_table(master, output);
    runtime().block_on(async {
        let client = join(serve.address).await;
        shown.until(&format!("{:>10} 127.0.0.1:", client.id().number())).await;
        shown.until("1 of 4095 clients, 0 joining  up 0:00:0").await;
    });
}

#[test]
fn when_its_terminal_is_closed_the_clients_are_told() {
    let (master, output) = terminal();
    let mut child = enet(&["serve", "--bind", "127.0.0.1:0", "--status"])
        .stdout(output)
        .spawn()
        .expect("the binary was built");
    let log = lines_of(child.stderr.take().expect("a pipe"));
    let mut terminal = File::from(master);
    let mut first = [0; 100];
    let count = terminal.read(&mut first).expect("a line");
    let first = String::from_utf8_lossy(&first[..count]).into_owned();
    let address = address_in(first.lines().next().expect("a line"));
    let mut serve = Serve { child, address, log };
    runtime().block_on(async {
        let client = join(serve.address).await;
        // From now on it cannot draw any more.
        drop(terminal);
        serve.logs("the terminal is gone").await;
        // As whoever closes it sees to; this one is not the controlling terminal of the test.
        serve.signal(Signal::HUP);
        let reason = Departure::Remote { data: 0 };
        assert_eq!(next(&client).await, ClientEvent::Disconnected { reason });
    });
    assert_eq!(serve.wait().code(), Some(0));
}

/// What a terminal has been sent.
struct Shown {
    text: String,
    more: UnboundedReceiver<String>,
}

impl Shown {
    /// Reads the terminal from now on; the first line tells the address.
    fn begin(master: OwnedFd) -> (Shown, SocketAddr) {
        let (sender, more) = unbounded_channel();
        thread::spawn(move || {
            let mut output = File::from(master);
            let mut bytes = [0; 4096];
            // Ends with an error when the other end is closed.
            while let Ok(count) = output.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                if count == 0 || sender.send(text).is_err() {
                    break;
                }
            }
        });
        let mut shown = Shown {
            text: String::new(),
            more,
        };
        runtime().block_on(shown.until("\n"));
        let address = address_in(shown.text.lines().next().expect("a line"));
        (shown, address)
    }

    /// Waits until this was shown.
    async fn until(&mut self, part: &str) {
        let end = tokio::time::Instant::now() + LONG;
        while !self.text.contains(part) {
            match timeout_at(end, self.more.recv()).await {
                Ok(Some(text)) => self.text.push_str(&text),
                Ok(None) | Err(_) => panic!("{part:?} was not shown in {:?}", self.text),
            }
        }
    }
}
