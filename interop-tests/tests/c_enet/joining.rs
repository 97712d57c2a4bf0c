//! What a C client makes of a server that is faster than its frames.

use std::time::{Duration, Instant};

use interop_tests::cenet::{Event, Figure, Flags, Host, Options};
use interop_tests::driver::LONG;
use interop_tests::side::{Kind, Settings, Side};

/// A frame of a game at 60 a second, after which it looks at its socket.
const FRAME: Duration = Duration::from_millis(16);

/// What a game has to do at times between two looks in one frame: long enough for an answer.
const WORK: Duration = Duration::from_millis(4);

/// Fewer than the five seconds in which the first round trip is what the client takes for usual.
const FRAMES: u32 = 150;

fn look(host: &mut Host) {
    while host.service(Duration::ZERO).is_some() {}
}

/// Plays for some seconds; the lowest value that the client's throttle had.
fn play(server: &Side) -> u32 {
    let mut host = Host::new(Options {
        address: None,
        peers: 1,
        ..Options::default()
    })
    .expect("a free port");
    let peer = host.connect(server.local_addr(), 2, 0).expect("a free slot");
    let deadline = Instant::now() + LONG;
    while !matches!(host.service(Duration::from_millis(1)), Some(Event::Connected { .. })) {
        assert!(Instant::now() < deadline, "it is let in");
    }
    // The first frame sees the answer to what it has sent.
    host.send(peer, 0, b"joined", Flags(1));
    host.flush();
    std::thread::sleep(WORK);
    let mut lowest = u32::MAX;
    let mut next = Instant::now();
    for frame in 0..FRAMES {
        look(&mut host);
        lowest = lowest.min(host.figure(peer, Figure::PacketThrottle));
        host.send(peer, 0, b"position", Flags(0));
        if frame % 4 == 0 {
            host.send(peer, 1, b"shot", Flags(1));
        }
        next += FRAME;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    host.disconnect_now(peer, 0);
    lowest
}

#[test]
fn a_client_that_sees_its_first_answer_within_a_frame_does_not_take_its_frames_for_congestion() {
    let server = Side::start(Kind::Ours, Settings::default());
    // Frames that take as long as several are something like congestion; a busy machine may have some.
    let lowest: Vec<u32> = (0..4).map(|_| play(&server)).collect();
    assert!(lowest.contains(&32), "{lowest:?} of 32");
}
