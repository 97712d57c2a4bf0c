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
            .poll_receive(cx, false, usize::MAX, |from, datagram| received.push((from, datagram)))
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

/// A stream that poses as a UDP socket, and its other end. On the loopback interface the send buffer of a true one is never full,
/// and none fails at every attempt to receive; this one does, as what comes has no sender.
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
    blocked.load(to, b"the last");
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

#[cfg(unix)]
#[tokio::test]
async fn errors_without_end_in_receiving_keep_no_thread_busy() {
    use std::io::Write;

    let (mut socket, mut other) = posing();
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
