//! Carries a case out.

use std::time::{Duration, Instant};

use bytes::Bytes;
use interop_tests::relay::Relay;
use interop_tests::side::{Delivery, Event, Peer, Side};
use netem::Conditions;

use crate::case::{Case, TRIALS};
use crate::promise::{LAST, Receiver, channel_of, content};

/// How long a case may take. Most take a fraction of a second; but the C library doubles its waiting time with every loss of a
/// fragment, and has nothing but time-outs.
const PATIENCE: Duration = Duration::from_secs(290);

/// One end of the connection.
struct End {
    side: Side,
    peer: Peer,
    /// Packets sent so far.
    sent: u32,
    /// Packets to send.
    count: u32,
    receiver: Receiver,
}

/// Sends all packets both ways at once, and checks what comes.
pub(crate) fn run(case: Case) -> Result<(), String> {
    let mut server = Side::start(case.server, case.settings());
    let mut client = Side::start(case.server.other(), case.settings());
    let good = Conditions::default();
    let relay = Relay::start(server.local_addr(), case.seed, good).map_err(|error| error.to_string())?;
    let home = client.connect(relay.local_addr(), case.channels.into(), 5);
    client.connected();
    let (guest, data) = server.connected();
    if data != 5 {
        return Err(format!("connect data {data}"));
    }
    // Not before: stock hosts repeat their handshake so rarely that one in some hundred would fail.
    relay.set_conditions(&case.conditions());
    let end = |side, peer, kind| End {
        side,
        peer,
        sent: 0,
        count: if case.crashes(kind) { 0 } else { case.count() },
        receiver: Receiver::new(case),
    };
    let mut ends = [end(server, guest, case.server), end(client, home, case.server.other())];
    for at in [0, 1] {
        if ends[1 - at].count == 0 {
            ends[at].receiver = Receiver::of_nothing(case);
        }
    }
    for End { side, peer, .. } in &ends {
        let peer = *peer;
        side.with(move |host| {
            // Loss is not to be taken for absence, nor jitter for congestion.
            host.set_timeout(peer, u32::MAX, PATIENCE, PATIENCE);
            host.configure_throttle(peer, Duration::from_secs(5), 32, 0);
        });
    }

    let deadline = Instant::now() + PATIENCE;
    while !ends.iter().all(|end| end.receiver.is_over()) {
        for end in &mut ends {
            end.send_some(&case)?;
            end.take(Duration::from_millis(1))?;
        }
        if Instant::now() > deadline {
            return Err("not all that must come has come".to_owned());
        }
    }
    // What is late may still come now, and must not.
    for end in &mut ends {
        end.take(Duration::from_millis(10))?;
    }
    for at in [0, 1] {
        let expected = expected_luck(&case, ends[1 - at].count);
        let lucky = ends[at].receiver.lucky;
        if f64::from(lucky) < expected / 2.0 {
            return Err(format!(
                "of some {expected:.0} packets that may be expected, {lucky} have come"
            ));
        }
    }
    for to in [0, 1] {
        try_until_it_comes(&case, &mut ends, to)?;
    }
    Ok(())
}

/// Something comes of every kind that may be lost, whatever the size and the loss: when all is quiet, such packets are sent one
/// by one until it has.
fn try_until_it_comes(case: &Case, ends: &mut [End; 2], to: usize) -> Result<(), String> {
    let from = 1 - to;
    if ends[from].count == 0 {
        return Ok(());
    }
    for number in case.count()..case.count() + TRIALS {
        let arrival = case.arrival(number);
        let tried = &ends[to].receiver.tried;
        if tried.is_superset(&case.chances()) {
            return Ok(());
        }
        if arrival == Delivery::Reliable || tried.contains(&arrival) {
            continue;
        }
        ends[from].send(vec![(
            channel_of(case, number),
            content(case, number),
            case.delivery(number),
        )])?;
        ends[to].take(Duration::from_millis(100))?;
    }
    Err(format!(
        "of {TRIALS} packets nothing but {:?} has come of {:?}",
        ends[to].receiver.tried,
        case.chances()
    ))
}

/// How many packets that may be lost come through on average, where that is a sure guess.
fn expected_luck(case: &Case, count: u32) -> f64 {
    // Those that wait for a lost reliable one may find that another has been delivered behind it, and are late.
    let waits = (0..count).any(|number| case.arrival(number) == Delivery::Reliable);
    if case.loss > 0 && (waits || count < 20) {
        return 0.0;
    }
    let through = 1.0 - f64::from(case.loss) / 100.0;
    let chance = |number: u32| match case.arrival(number) {
        Delivery::Reliable => 0.0,
        _ => through.powi(case.size_of(number).div_ceil(case.settings().fragment()).max(1) as i32),
    };
    // A burst of more than this may be too much for a socket.
    let fits = |number: &u32| case.size_of(*number) <= 1 << 16;
    (0..count).filter(fits).map(chance).sum()
}

impl End {
    /// Sends the next packets: all at once of those that must come, but only one that may be lost, so that it has a datagram of
    /// its own and no socket overflows. After all of them, the last.
    fn send_some(&mut self, case: &Case) -> Result<(), String> {
        let mut packets: Vec<(u8, Bytes, Delivery)> = Vec::new();
        let mut is_certain = true;
        while self.sent < self.count && is_certain {
            let number = self.sent;
            is_certain = case.arrival(number) == Delivery::Reliable;
            packets.push((channel_of(case, number), content(case, number), case.delivery(number)));
            self.sent += 1;
        }
        if packets.is_empty() && self.sent == self.count {
            self.sent += 1;
            let last = |channel| (channel, Bytes::from_static(LAST), Delivery::Reliable);
            packets.extend(case.used_channels().into_iter().map(last));
        }
        if packets.is_empty() {
            return Ok(());
        }
        self.send(packets)
    }

    fn send(&self, packets: Vec<(u8, Bytes, Delivery)>) -> Result<(), String> {
        let peer = self.peer;
        let taken = self.side.with(move |host| {
            let taken = packets
                .iter()
                .all(|(channel, data, delivery)| host.send(peer, *channel, data, *delivery));
            host.flush();
            taken
        });
        taken.then_some(()).ok_or_else(|| "a packet is not taken".to_owned())
    }

    /// Takes what has come, and waits up to a time for the first of it.
    fn take(&mut self, mut wait: Duration) -> Result<(), String> {
        while let Some(event) = self.side.try_expect(wait, |_| true) {
            wait = Duration::ZERO;
            match event {
                Event::Received {
                    channel,
                    data,
                    delivery,
                    ..
                } => self.receiver.take(channel, &data, delivery)?,
                other => return Err(format!("{other:?}")),
            }
        }
        Ok(())
    }
}
