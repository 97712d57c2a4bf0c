//! Attacks in the name of others.

use std::io;
use std::time::{Duration, Instant};

use enet_sim::wire::{Body, CONTROL, Command, Datagram};

use super::context::{Context, Outcome};
use crate::pace::Pace;
use crate::puppet::Puppet;
use crate::relay::FromRelay;
use crate::sockets;

/// How many peers are slandered.
const VICTIMS: usize = 8;

/// How long a server may take to answer one that is still connected.
const PATIENCE: Duration = Duration::from_secs(3);

fn join_all(context: &Context<'_>) -> io::Result<Vec<Puppet>> {
    (0..VICTIMS as u32)
        .map(|number| Puppet::join(context.target, number, 2))
        .collect()
}

/// Everything that could harm a connection.
fn harmful() -> Vec<Command> {
    vec![
        Command::acknowledgement(CONTROL, 1, 0),
        Command::acknowledgement(0, 1, 0),
        Command::control(
            7,
            Body::ThrottleConfigure {
                interval: 1,
                acceleration: 0,
                deceleration: 32,
            },
        ),
        Command::control(
            7,
            Body::BandwidthLimit {
                incoming: 1,
                outgoing: 1,
            },
        ),
        farewell(),
        Command::control(8, Body::Disconnect { data: 0 }),
    ]
}

/// A DISCONNECT that wants no acknowledgement, as Godot's `close()` sends it.
fn farewell() -> Command {
    Command {
        acknowledge: false,
        unsequenced: true,
        ..Command::control(7, Body::Disconnect { data: 0 })
    }
}

/// Not from the address and port of the victim, or not with its id and session: nothing may come of it.
pub(super) fn from_elsewhere(context: &Context<'_>) -> io::Result<Outcome> {
    let mut victims = join_all(context)?;
    let strangers = sockets::many(context.target, 100)?;
    let mut pace = Pace::new(2000.0, context.scale.seconds(3));
    let mut sent = 0_usize;
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            let (peer_id, session) = ((sent / 4 % 64) as u16, (sent % 4) as u8);
            let mut datagram = Datagram::to(peer_id, session).sent_at(sent as u16);
            datagram.commands = harmful();
            sockets::send(&strangers[20 + sent % 80], &datagram.encode());
            let victim = &victims[sent % VICTIMS];
            // The next id of a C server is somebody else's; the other sessions are those of former connections.
            victim.send_to(victim.peer_id ^ 1, victim.session, harmful());
            victim.send_to(
                victim.peer_id,
                victim.session.wrapping_add(1 + (sent % 3) as u8) & 3,
                harmful(),
            );
            sent += 1;
        }
        for victim in &mut victims {
            victim.listen(true);
        }
    }
    let harmed = count_dead(&mut victims);
    Ok(Outcome::new(format!("{harmed} of {VICTIMS} victims harmed")).at_most("harmed", harmed as f64, 0.0, ""))
}

/// With everything right.
pub(super) fn disconnect(context: &Context<'_>) -> io::Result<Outcome> {
    let mut victims = join_all(context)?;
    // Its round trip time is known by then.
    for victim in &mut victims {
        victim.is_alive(PATIENCE);
    }
    for victim in &mut victims {
        victim.leave();
    }
    // The victims know nothing of it and answer what they are asked.
    let mut pace = Pace::new(1000.0, Duration::from_secs(1));
    while pace.turns().is_some() {
        for victim in &mut victims {
            victim.listen(true);
        }
    }
    let harmed = count_dead(&mut victims);
    Ok(Outcome::new(format!("{harmed} of {VICTIMS} victims kicked")).at_most("kicked", harmed as f64, 0.0, ""))
}

/// All ids and sessions are tried, in the name of some. They are busy now and then, and stay. Others leave honestly meanwhile: they are
/// believed at once, which their fellows hear of.
pub(super) fn guessed_farewells(context: &Context<'_>) -> io::Result<Outcome> {
    /// 12 bits of id and 2 of session.
    const GUESSES: u64 = 1 << 14;
    /// How long a victim answers nothing, once in a second.
    const HITCH: Duration = Duration::from_millis(150);
    context.require_relay()?;
    let mut victims = join_all(context)?;
    let mut leaving: Vec<Puppet> = (100..100 + context.scale.count(20) as u32)
        .map(|number| Puppet::join(context.target, number, 2))
        .collect::<io::Result<_>>()?;
    let mut watcher = Puppet::join(context.target, 99, 2)?;
    let seconds = context.scale.seconds(10).max(Duration::from_secs(2));
    let each = seconds / (leaving.len() as u32 + 1);
    let start = Instant::now();
    let mut pace = Pace::new(GUESSES as f64 / seconds.as_secs_f64(), seconds);
    let mut guess = 0;
    let (mut left, mut open, mut took) = (0, None, Vec::new());
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            for victim in &victims {
                victim.send_to((guess >> 2) as u16, guess as u8 & 3, vec![farewell()]);
            }
            guess = (guess + 1) % GUESSES;
        }
        if start.elapsed().as_millis() % 1000 >= HITCH.as_millis() {
            for victim in &mut victims {
                victim.listen(true);
            }
        }
        for heard in watcher.listen(true).commands {
            if let Some(FromRelay::Left(id)) = heard.payload().and_then(FromRelay::read)
                && open.is_some_and(|(leaver, _)| id.number() == leaver)
                && let Some((_, since)) = open.take()
            {
                took.push(Instant::now() - since);
            }
        }
        for puppet in &mut leaving[left..] {
            puppet.listen(true);
        }
        if left < leaving.len() && open.is_none() && start.elapsed() > each * (left as u32 + 1) {
            leaving[left].leave();
            open = Some((leaving[left].id(), Instant::now()));
            left += 1;
        }
    }
    let kicked = count_dead(&mut victims);
    watcher.leave();
    took.sort_unstable();
    let slowest = match open {
        Some(_) => f64::INFINITY,
        None => took.last().map_or(f64::INFINITY, |time| time.as_secs_f64() * 1000.0),
    };
    let median = took.get(took.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let text = format!(
        "{kicked} of {VICTIMS} victims kicked by {guess} guesses each, {} honest farewells believed after {median:.0} ms, one after {slowest:.0} ms",
        took.len()
    );
    Ok(Outcome::new(text)
        .at_most("kicked", kicked as f64, 0.0, "")
        .at_most("believed after", median, 250.0, "ms")
        // Who answered late before, for example while others joined, is waited for longer.
        .at_most("the last one after", slowest, 2500.0, "ms"))
}

/// The peers of the former run join again, from the same ports; then what was meant for the former run arrives.
pub(super) fn restart(context: &mut Context<'_>) -> io::Result<Outcome> {
    let former = join_all(context)?;
    let Some(server) = context.server.as_mut() else {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a server that was not started here cannot be restarted",
        ));
    };
    server.restart()?;
    let mut fooled = 0;
    let mut victims = Vec::new();
    let mut late = Vec::new();
    for (number, puppet) in former.into_iter().enumerate() {
        late.push((puppet.peer_id, puppet.session));
        // What the system says of the time when nobody was there.
        let socket = puppet.into_socket();
        let _ = socket.take_error();
        victims.push(Puppet::join_on(socket, 500 + number as u32, 2)?);
    }
    for victim in &mut victims {
        victim.is_alive(PATIENCE);
    }
    for (victim, (peer_id, session)) in victims.iter_mut().zip(&late) {
        let data = Command::reliable(1, 1, Body::Reliable("of a former life".into()));
        victim.send_to(*peer_id, *session, vec![data, farewell()]);
    }
    // They have been looked at before what is asked later is answered, and an answer to them comes before that.
    for victim in &mut victims {
        let heard = victim.answered(PATIENCE);
        let taken = heard.iter().flatten().any(|command| command.channel == 1);
        fooled += usize::from(taken || !victim.is_alive(PATIENCE));
    }
    let text = format!("{fooled} of {VICTIMS} new connections harmed by data of the former run");
    Ok(Outcome::new(text).at_most("harmed", fooled as f64, 0.0, ""))
}

fn count_dead(victims: &mut [Puppet]) -> usize {
    let mut dead = 0;
    for victim in victims {
        dead += usize::from(!victim.is_alive(PATIENCE));
        victim.leave();
    }
    dead
}
