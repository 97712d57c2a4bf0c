use std::future::poll_fn;
use std::task::Poll;

use enet_proto::Transmit;

use super::*;

const BOTH: [Batching; 2] = [Batching::Auto, Batching::Off];

fn socket(address: &str, batching: Batching) -> Socket {
    Socket::bind(address.parse().unwrap(), &Config::default().with_batching(batching)).unwrap()
}

/// What `socket` receives until it has `count` datagrams.
async fn receive(socket: &mut Socket, count: usize) -> Vec<(SocketAddr, Bytes)> {
    let mut received = Vec::new();
    poll_fn(|cx| {
        let more = socket
            .poll_receive(cx, false, usize::MAX, |path, datagram| {
                received.push((path.remote, datagram));
            })
            .unwrap();
        assert!(!more);
        if received.len() < count {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    received
}

fn outgoing(destination: SocketAddr, contents: &[u8], segment_size: usize) -> Outgoing {
    let mut outgoing = Outgoing::default();
    outgoing.buffer.extend_from_slice(contents);
    outgoing.begin(&Transmit {
        destination,
        source: None,
        segment_size,
        size: contents.len(),
    });
    outgoing
}

async fn send(socket: &mut Socket, mut outgoing: Outgoing) {
    loop {
        match socket.send(&mut outgoing) {
            Sent::Done => return,
            Sent::Blocked => poll_fn(|cx| socket.poll_writable(cx)).await,
            Sent::Broken(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_batch_arrives_as_its_datagrams() {
    for sending in BOTH {
        for receiving in BOTH {
            let (mut a, mut b) = (socket("127.0.0.1:0", sending), socket("127.0.0.1:0", receiving));
            let contents: Vec<u8> = (0..30 * 1392 + 100).map(|index| (index / 7) as u8).collect();
            let to = b.local_address();
            send(&mut a, outgoing(to, &contents, 1392)).await;
            let received = receive(&mut b, 31).await;
            assert!(received.iter().all(|(from, _)| *from == a.local_address()));
            let joined: Vec<u8> = received.iter().flat_map(|(_, datagram)| datagram.to_vec()).collect();
            assert_eq!(joined, contents);
        }
    }
}

#[tokio::test]
async fn datagrams_of_every_size_up_to_the_largest_mtu_arrive_whole() {
    for batching in BOTH {
        let (mut a, mut b) = (socket("127.0.0.1:0", batching), socket("127.0.0.1:0", batching));
        let to = b.local_address();
        for size in [0, 1, 1392, 1500, 4096] {
            let mut out = outgoing(to, &vec![7; size.max(1)], size.max(1));
            if size == 0 {
                // An empty datagram is not in a batch, but anybody can send one.
                std::net::UdpSocket::bind("127.0.0.1:0")
                    .unwrap()
                    .send_to(&[], to)
                    .unwrap();
                out.clear();
            }
            send(&mut a, out).await;
            let received = receive(&mut b, 1).await;
            assert_eq!(received[0].1.len(), size);
        }
    }
}

#[tokio::test]
async fn a_dual_stack_socket_speaks_both_and_shows_ipv4_plainly() {
    for batching in BOTH {
        let mut dual = socket("[::]:0", batching);
        assert_eq!(dual.family(), Family::Dual);
        let port = dual.local_address().port();
        for (bind, to) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]")] {
            let mut other = socket(bind, batching);
            send(
                &mut other,
                outgoing(format!("{to}:{port}").parse().unwrap(), b"there", 100),
            )
            .await;
            let (from, _) = receive(&mut dual, 1).await[0].clone();
            assert_eq!(from, other.local_address());
            send(&mut dual, outgoing(from, b"back", 100)).await;
            assert_eq!(&receive(&mut other, 1).await[0].1[..], b"back");
        }
    }
}

/// A path to `to` that leaves from the address `from` of this machine.
fn path_from(to: SocketAddr, from: &str) -> Path {
    Path {
        remote: to,
        local: Some(from.parse().unwrap()),
    }
}

/// Datagrams on one path in each of the ways in which they can leave: by itself, as a batch, and gathered with others. Five in all.
fn in_all_ways(path: Path, other: SocketAddr) -> [Outgoing; 3] {
    let mut single = Outgoing::default();
    single.load(path, b"one");
    let mut batch = outgoing(path.remote, b"aabbcc", 2);
    batch.begin(&Transmit {
        destination: path.remote,
        source: path.local,
        segment_size: 2,
        size: 4,
    });
    let mut crowd = Outgoing::default();
    for (to, datagram) in [(path, b"x"), (other.into(), b"y"), (path, b"z")] {
        crowd.load(to, datagram);
        assert!(crowd.gather());
    }
    [single, batch, crowd]
}

#[tokio::test]
async fn a_socket_for_all_addresses_tells_which_was_asked_and_answers_from_there() {
    for batching in BOTH {
        for all in ["0.0.0.0:0", "[::]:0"] {
            let mut server = socket(all, batching);
            let port = server.local_address().port();
            for asked in ["127.0.0.2", "127.0.0.3"] {
                let mut client = socket("127.0.0.1:0", batching);
                let other = socket("127.0.0.1:0", batching);
                let called: SocketAddr = format!("{asked}:{port}").parse().unwrap();
                send(&mut client, outgoing(called, b"anybody?", 100)).await;
                let mut told = None;
                poll_fn(|cx| {
                    let more = server.poll_receive(cx, false, usize::MAX, |path, _| told = Some(path));
                    assert!(!more.unwrap());
                    if told.is_some() { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                assert_eq!(told, Some(path_from(client.local_address(), asked)));
                for answer in in_all_ways(told.unwrap(), other.local_address()) {
                    send(&mut server, answer).await;
                }
                let answers = receive(&mut client, 5).await;
                assert!(answers.iter().all(|(from, _)| *from == called), "{answers:?}");
            }
            assert_eq!(server.statistics().send_errors, 0);
        }
    }
}

#[tokio::test]
async fn each_of_a_crowd_is_answered_from_the_address_that_it_asked() {
    for batching in BOTH {
        let mut server = socket("[::]:0", batching);
        let port = server.local_address().port();
        let mut crowd = Outgoing::default();
        let mut members: Vec<Socket> = Vec::new();
        for number in 0..32_u8 {
            let (bind, from) = match number % 4 {
                0 => ("127.0.0.1:0", "127.0.0.2"),
                1 => ("[::1]:0", "::1"),
                2 => ("127.0.0.1:0", "127.0.0.3"),
                _ => ("127.0.0.1:0", "127.0.0.1"),
            };
            let member = socket(bind, batching);
            crowd.load(path_from(member.local_address(), from), &[number]);
            assert!(crowd.gather());
            members.push(member);
        }
        send(&mut server, crowd).await;
        for (number, member) in (0..).zip(&mut members) {
            let from = ["127.0.0.2", "[::1]", "127.0.0.3", "127.0.0.1"][usize::from(number) % 4];
            let (source, datagram) = receive(member, 1).await[0].clone();
            assert_eq!(
                (source.to_string(), &datagram[..]),
                (format!("{from}:{port}"), &[number][..])
            );
        }
        assert_eq!(server.statistics().send_calls, if server.gathers() { 1 } else { 32 });
    }
}

#[tokio::test]
async fn where_an_address_is_gone_from_the_machine_the_system_chooses_another() {
    // Of the blocks for documentation: no machine has them.
    for (all, client, gone) in [
        ("0.0.0.0:0", "127.0.0.1:0", "192.0.2.77"),
        ("[::]:0", "127.0.0.1:0", "192.0.2.77"),
        ("[::]:0", "[::1]:0", "2001:db8::77"),
    ] {
        for batching in BOTH {
            let (mut server, mut client) = (socket(all, batching), socket(client, batching));
            let other = socket("127.0.0.1:0", batching).local_address();
            let other = if server.family().reaches(other) {
                other
            } else {
                client.local_address()
            };
            let to = path_from(client.local_address(), gone);
            let calls = server.statistics().send_calls;
            for answer in in_all_ways(to, other) {
                send(&mut server, answer).await;
            }
            // That it was tried shows that the address was asked for in each of the ways.
            let calls = server.statistics().send_calls - calls;
            assert!(calls >= 3 + 3, "{calls} calls");
            assert_eq!(receive(&mut client, 5).await.len(), 5);
            assert_eq!(server.statistics().send_errors, 0);
        }
    }
}

#[test]
fn without_ipv6_a_socket_for_all_addresses_is_for_all_of_ipv4() {
    let without_ipv6 = |error: io::ErrorKind| {
        move |address: SocketAddr| match address {
            SocketAddr::V6(_) => Err(io::Error::from(error)),
            SocketAddr::V4(_) => Ok(address.to_string()),
        }
    };
    let bind = |address: &str, error| or_ipv4_alone(address.parse().unwrap(), without_ipv6(error));
    for error in [
        io::ErrorKind::Unsupported,
        io::ErrorKind::AddrNotAvailable,
        io::ErrorKind::Other,
    ] {
        assert_eq!(bind("[::]:7777", error).unwrap(), "0.0.0.0:7777");
        assert_eq!(
            bind("[::1]:7777", error).unwrap_err().kind(),
            error,
            "this one was asked for"
        );
    }
    for error in [io::ErrorKind::AddrInUse, io::ErrorKind::PermissionDenied] {
        assert_eq!(
            bind("[::]:7777", error).unwrap_err().kind(),
            error,
            "half of it would not do"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_counted_and_passed_over() {
    for batching in BOTH {
        let (mut a, mut b) = (socket("127.0.0.1:0", batching), socket("127.0.0.1:0", batching));
        // A socket bound to the loopback address has no way out.
        send(&mut a, outgoing("192.0.2.77:9".parse().unwrap(), b"lost", 100)).await;
        // An address of the other family.
        send(&mut a, outgoing("[::1]:9".parse().unwrap(), b"lost", 100)).await;
        assert_eq!(a.statistics().send_errors, 2);
        let to = b.local_address();
        send(&mut a, outgoing(to, b"fine", 100)).await;
        assert_eq!(&receive(&mut b, 1).await[0].1[..], b"fine");
    }
}

#[tokio::test]
async fn a_batch_that_the_kernel_refuses_goes_out_one_by_one() {
    let (mut a, mut b) = (
        socket("127.0.0.1:0", Batching::Auto),
        socket("127.0.0.1:0", Batching::Auto),
    );
    let to = b.local_address();
    // More in all than any batch may have.
    let contents = vec![3; 60 * 1392];
    send(&mut a, outgoing(to, &contents, 1392)).await;
    let received = receive(&mut b, 60).await;
    assert_eq!(received.len(), 60);
    assert!(received.iter().all(|(_, datagram)| datagram.len() == 1392));
}

/// A socket on a kernel that refuses segmentation, but sends single datagrams: as Linux does where the datagrams have no checksum.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the macro's, to set an option that nix has no name for")]
fn without_segmentation() -> Socket {
    use nix::sys::socket::setsockopt;
    use nix::{getsockopt_impl, libc, setsockopt_impl, sockopt_impl};

    sockopt_impl!(NoChecksum, Both, libc::SOL_SOCKET, libc::SO_NO_CHECK, bool);

    let socket = socket("127.0.0.1:0", Batching::Auto);
    setsockopt(socket.io.socket(), NoChecksum, &true).unwrap();
    socket
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_batches_are_refused_all_leaves_and_they_are_rarely_tried() {
    let (mut a, mut b) = (without_segmentation(), socket("127.0.0.1:0", Batching::Auto));
    let to = b.local_address();
    for round in 0..100_u8 {
        let calls = a.statistics().send_calls;
        send(&mut a, outgoing(to, &vec![round; 10 * 1392], 1392)).await;
        let received = receive(&mut b, 10).await;
        assert!(received.iter().all(|(_, datagram)| datagram[..] == [round; 1392]));
        let calls = a.statistics().send_calls - calls;
        match round {
            0 => assert_eq!(calls, 11, "one for the batch, and one for each"),
            1..50 => assert_eq!(calls, 1, "all of them without segmentation"),
            _ => assert!([1, 11].contains(&calls), "{calls} calls"),
        }
    }
    assert_eq!(a.statistics().send_errors, 0);
    assert!(a.max_datagrams(1392) > 1);
}

/// Single datagrams, all of them put aside.
fn gathered(datagrams: impl IntoIterator<Item = (SocketAddr, Vec<u8>)>) -> Outgoing {
    let mut outgoing = Outgoing::default();
    for (to, datagram) in datagrams {
        outgoing.load(to.into(), &datagram);
        assert!(outgoing.gather());
    }
    outgoing
}

#[tokio::test]
async fn what_is_gathered_for_a_crowd_leaves_together() {
    for batching in BOTH {
        let mut a = socket("127.0.0.1:0", batching);
        let mut crowd: Vec<Socket> = (0..16).map(|_| socket("127.0.0.1:0", batching)).collect();
        let addresses: Vec<SocketAddr> = crowd.iter().map(Socket::local_address).collect();
        let datagrams = (0..32_u8).map(|number| {
            (
                addresses[usize::from(number) % 16],
                vec![number; usize::from(number) + 1],
            )
        });
        send(&mut a, gathered(datagrams)).await;
        for (number, member) in (0..).zip(&mut crowd) {
            let received: Vec<Bytes> = receive(member, 2)
                .await
                .into_iter()
                .map(|(_, datagram)| datagram)
                .collect();
            assert_eq!(
                received,
                [
                    vec![number; usize::from(number) + 1],
                    vec![number + 16; usize::from(number) + 17]
                ]
            );
        }
        assert_eq!(a.statistics().send_calls, if a.gathers() { 1 } else { 32 });
    }
}

#[tokio::test]
async fn what_is_gathered_for_many_behind_one_address_leaves_as_a_batch() {
    for batching in BOTH {
        let mut a = socket("127.0.0.1:0", batching);
        let mut others = [(); 3].map(|()| socket("127.0.0.1:0", batching));
        let [one, two, crowd] = others.each_ref().map(Socket::local_address);
        // The last of the batch is shorter. It stands between two that go elsewhere each.
        let batch = (2..20_u8).map(|number| (crowd, vec![number; if number == 19 { 12 } else { 70 }]));
        let around = |number| [(one, vec![number; 70]), (two, vec![number + 1; 70])];
        let datagrams: Vec<_> = around(0).into_iter().chain(batch).chain(around(20)).collect();
        send(&mut a, gathered(datagrams.clone())).await;
        for (other, count) in others.iter_mut().zip([2, 2, 18]) {
            let to = other.local_address();
            let received: Vec<_> = receive(other, count).await;
            let received: Vec<_> = received.iter().map(|(_, datagram)| &datagram[..]).collect();
            let sent: Vec<_> = datagrams.iter().filter(|(destination, _)| *destination == to).collect();
            assert_eq!(
                received,
                sent.iter().map(|(_, datagram)| &datagram[..]).collect::<Vec<_>>()
            );
        }
        let calls = match (a.max_datagrams(70), a.gathers()) {
            (1, false) => 22,
            (1, true) => 1,
            // Each of those around by itself.
            (_, false) => 5,
            (_, true) => 3,
        };
        assert_eq!(a.statistics().send_calls, calls);
    }
}

#[tokio::test]
async fn a_dual_stack_socket_reaches_a_crowd_of_both_families() {
    let mut dual = socket("[::]:0", Batching::Auto);
    let mut others =
        ["127.0.0.1:0", "[::1]:0", "127.0.0.1:0", "[::1]:0"].map(|address| socket(address, Batching::Auto));
    let addresses = others.each_ref().map(Socket::local_address);
    send(
        &mut dual,
        gathered(addresses.map(|to| (to, to.to_string().into_bytes()))),
    )
    .await;
    for (other, address) in others.iter_mut().zip(addresses) {
        assert_eq!(&receive(other, 1).await[0].1[..], address.to_string().as_bytes());
    }
}

#[tokio::test]
async fn who_is_refused_in_a_crowd_costs_nobody_else_a_datagram() {
    for batching in BOTH {
        let (mut a, mut b) = (socket("127.0.0.1:0", batching), socket("127.0.0.1:0", batching));
        let fine = b.local_address();
        // A socket bound to the loopback address has no way out, and none to the other family.
        let (no_way, other_family) = ("192.0.2.77:9".parse().unwrap(), "[::1]:9".parse().unwrap());
        let destinations = [no_way, fine, fine, no_way, no_way, other_family, fine, no_way];
        let datagrams = (0..).zip(destinations).map(|(number, to)| (to, vec![number]));
        send(&mut a, gathered(datagrams)).await;
        let received: Vec<u8> = receive(&mut b, 3)
            .await
            .iter()
            .map(|(_, datagram)| datagram[0])
            .collect();
        assert_eq!(received, [1, 2, 6]);
        assert_eq!(a.statistics().send_errors, 5);
        // They say nothing about batches for others.
        let before = a.statistics().send_calls;
        send(&mut a, gathered([(fine, vec![7; 70]), (fine, vec![8; 70])])).await;
        assert_eq!(receive(&mut b, 2).await.len(), 2);
        let calls = if a.max_datagrams(70) > 1 { 1 } else { 2 };
        assert!(a.statistics().send_calls - before <= calls);
    }
}

#[tokio::test]
async fn single_datagrams_and_batches_for_one_peer_arrive_in_order() {
    for batching in BOTH {
        let (mut a, mut b) = (socket("127.0.0.1:0", batching), socket("127.0.0.1:0", batching));
        let to = b.local_address();
        let mut out = gathered([(to, vec![0; 50]), (to, vec![1; 50])]);
        // More than the kernel takes as one batch, and less.
        for batch in [60, 3] {
            out.buffer.clear();
            (0..batch).for_each(|number| out.buffer.extend([number; 1392]));
            out.begin(&Transmit {
                destination: to,
                source: None,
                segment_size: 1392,
                size: out.buffer.len(),
            });
            assert!(!out.gather(), "a batch is not put aside");
            while !out.is_empty() {
                assert!(matches!(a.send(&mut out), Sent::Done));
            }
        }
        out.load(to.into(), b"the last");
        send(&mut a, out).await;
        let received: Vec<u8> = receive(&mut b, 66)
            .await
            .iter()
            .map(|(_, datagram)| datagram[0])
            .collect();
        let expected: Vec<u8> = (0..2).chain(0..60).chain(0..3).chain([b't']).collect();
        assert_eq!(received, expected);
    }
}

#[tokio::test]
async fn receiving_stops_at_its_budget_and_goes_on_later() {
    for batching in BOTH {
        let (mut a, mut b) = (socket("127.0.0.1:0", batching), socket("127.0.0.1:0", batching));
        let to = b.local_address();
        for _ in 0..100 {
            send(&mut a, outgoing(to, b"x", 100)).await;
        }
        let mut total = 0;
        let mut rounds = 0;
        poll_fn(|cx| {
            let more = b.poll_receive(cx, false, 10, |_, _| total += 1).unwrap();
            rounds += 1;
            if more {
                cx.waker().wake_by_ref();
            }
            if total < 100 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        assert!(rounds > 1);
    }
}

#[tokio::test]
async fn a_port_that_refuses_is_an_error_in_receiving_and_no_end() {
    for batching in BOTH {
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let connected = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        // The kernel tells only connected sockets of it.
        connected.connect(closed).unwrap();
        let mut a = Socket::from_std(connected, &Config::default().with_batching(batching)).unwrap();
        let from = a.local_address();
        send(&mut a, outgoing(closed, b"anybody?", 100)).await;
        let mut late = socket(&closed.to_string(), batching);
        send(&mut late, outgoing(from, b"now there is", 100)).await;
        assert_eq!(&receive(&mut a, 1).await[0].1[..], b"now there is");
        assert_eq!(a.statistics().receive_errors, 1);
        send(&mut a, outgoing(closed, b"good", 100)).await;
        assert_eq!(&receive(&mut late, 1).await[0].1[..], b"good");
    }
}

/// A stream that poses as a UDP socket, and its other end. On the loopback interface the send buffer of a true one is never full.
#[cfg(unix)]
fn posing() -> (Socket, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let end = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    let posing = std::net::UdpSocket::from(std::os::fd::OwnedFd::from(end));
    let config = Config::default()
        .with_batching(Batching::Off)
        .with_socket_buffers(1 << 20, 4096);
    (Socket::from_std(posing, &config).unwrap(), other)
}

#[cfg(unix)]
#[tokio::test]
async fn a_datagram_that_the_kernel_has_no_room_for_waits_until_it_has() {
    use std::io::Read;

    let (mut socket, mut other) = posing();
    let to = other.local_addr().unwrap();
    let mut blocked = loop {
        let mut next = outgoing(to, b"the one that has to wait", 100);
        match socket.send(&mut next) {
            Sent::Done => {}
            Sent::Blocked => break next,
            Sent::Broken(error) => panic!("{error}"),
        }
    };
    assert_eq!((socket.statistics().sends_delayed, blocked.datagrams()), (1, 1));
    let is_writable = poll_fn(|cx| Poll::Ready(socket.poll_writable(cx).is_ready())).await;
    assert!(!is_writable);

    // Sent whole, and not only the part that there would have been room for.
    blocked.load(to.into(), b"the last");
    let reader = std::thread::spawn(move || {
        let mut read = Vec::new();
        while !read.ends_with(b"the last") {
            let mut part = [0; 4096];
            let length = other.read(&mut part).unwrap();
            read.extend_from_slice(&part[..length]);
        }
    });
    send(&mut socket, blocked).await;
    reader.join().unwrap();
    assert_eq!(socket.statistics().send_errors, 0);
}

/// A socket that sends over a pair of sockets which keep datagrams apart and have a small buffer, and the other end of it.
#[cfg(target_os = "linux")]
fn narrow() -> (Socket, std::os::unix::net::UnixDatagram) {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    let mut socket = socket("127.0.0.1:0", Batching::Auto);
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (end, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let posing = std::net::UdpSocket::from(end);
    SockRef::from(&posing).set_send_buffer_size(0).unwrap();
    socket.io = Io::new(posing).unwrap();
    (socket, other.into())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn gathered_datagrams_that_have_to_wait_leave_once_and_in_order() {
    let (mut socket, other) = narrow();
    // Not all to one address: a batch would be one message here.
    let to = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut blocked = gathered((0..32).map(|number| (to[usize::from(number) % 2], vec![number; 100])));
    assert!(matches!(socket.send(&mut blocked), Sent::Blocked));
    assert_eq!(socket.statistics().sends_delayed, 1);
    let before = socket.statistics().send_calls;
    assert!(before > 1, "some have left");
    assert!(matches!(socket.send(&mut blocked), Sent::Blocked));
    assert!(!blocked.is_empty());

    let mut received = Vec::new();
    let mut buffer = [0; 200];
    let mut read = |received: &mut Vec<u8>| {
        while let Ok(length) = other.recv(&mut buffer) {
            assert_eq!(length, 100);
            received.push(buffer[0]);
        }
    };
    loop {
        read(&mut received);
        match socket.send(&mut blocked) {
            Sent::Done => break,
            Sent::Blocked => {}
            Sent::Broken(error) => panic!("{error}"),
        }
    }
    read(&mut received);
    assert_eq!(received, (0..32).collect::<Vec<u8>>());
    assert_eq!(socket.statistics().send_errors, 0);
}

/// A socket that fails at every attempt to receive, as what comes has a sender that is no IP address, and the other end of it.
#[cfg(target_os = "linux")]
fn failing() -> (Socket, std::os::unix::net::UnixStream) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

    let config = Config::default().with_batching(Batching::Off);
    let mut socket = Socket::bind("127.0.0.1:0".parse().unwrap(), &config).unwrap();
    let name = format!("enet-tokio-{}-{}", std::process::id(), socket.local_address().port());
    let name = SocketAddr::from_abstract_name(name).unwrap();
    let listener = UnixListener::bind_addr(&name).unwrap();
    let end = UnixStream::connect_addr(&name).unwrap();
    end.set_nonblocking(true).unwrap();
    let (other, _) = listener.accept().unwrap();
    let posing = std::net::UdpSocket::from(std::os::fd::OwnedFd::from(end));
    socket.io = Io::new(posing).unwrap();
    (socket, other)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn errors_without_end_in_receiving_keep_no_thread_busy() {
    use std::io::Write;

    let (mut socket, mut other) = failing();
    let errors_at_once = |socket: &mut Socket, cx: &mut Context<'_>| {
        let before = socket.statistics().receive_errors;
        let more = socket.poll_receive(cx, false, usize::MAX, |_, _| panic!("it has no sender"));
        assert!(!more.unwrap(), "it waits for the next event");
        socket.statistics().receive_errors - before
    };
    // Enough for so many attempts and some more.
    other.write_all(&[0; 20 * 4097]).unwrap();
    let most = MAX_RECEIVE_ERRORS as u64;
    for _ in 0..3 {
        poll_fn(|cx| {
            // Each time it is woken there is more than it takes before it gives up.
            let errors = errors_at_once(&mut socket, cx);
            assert!(errors <= most, "{errors} in a row");
            if errors == 0 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let again = poll_fn(|cx| Poll::Ready(errors_at_once(&mut socket, cx))).await;
        assert_eq!(again, 0, "nothing is asked for until something comes");
        other.write_all(&[0; 20 * 4097]).unwrap();
    }
}
