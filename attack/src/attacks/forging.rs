//! Attacks in the name of others.

use std::io;
use std::time::Duration;

use enet_sim::wire::{Body, CONTROL, Command, Datagram};

use super::{Context, Outcome};
use crate::pace::Pace;
use crate::puppet::Puppet;
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
    let mut unsequenced = Command::control(7, Body::Disconnect { data: 0 });
    unsequenced.acknowledge = false;
    unsequenced.unsequenced = true;
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
        unsequenced,
        Command::control(8, Body::Disconnect { data: 0 }),
    ]
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
        let mut notice = Command::control(9, Body::Disconnect { data: 0 });
        (notice.acknowledge, notice.unsequenced) = (false, true);
        victim.send_to(*peer_id, *session, vec![data, notice]);
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
