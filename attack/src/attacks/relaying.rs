//! Attacks on the time and the memory of a relay, by what it has to send to many.

use std::io;
use std::time::{Duration, Instant};

use enet_tokio::Packet;

use super::context::{Context, Outcome, wait_until};
use crate::members::{Joining, Members};
use crate::pace::Pace;
use crate::puppet::Puppet;
use crate::relay::{self, ALL};

/// How long what is sent may take to be where it is to go.
const PATIENCE: Duration = Duration::from_secs(30);

const MIB: f64 = 1_048_576.0;

/// One honest packet, as large as it may be, for all.
pub(super) fn large_broadcast(context: &mut Context<'_>) -> io::Result<Outcome> {
    const MEMBERS: usize = 70;
    /// 15.9 MiB.
    const SIZE: usize = 16_672_358;
    context.require_relay()?;
    let mut members = Members::all(context.target, Joining::of(MEMBERS))?;
    let size = context.scale.count(SIZE);
    let packet = Packet::reliable(relay::to(ALL, &vec![7; size]));
    context.begin();
    let start = Instant::now();
    let sender = members.member(0);
    members.spawn(sender.send(0, packet));
    let without = || {
        let others = members.iter().skip(1);
        others.filter(|member| member.bytes_heard() < size as u64).count()
    };
    wait_until(PATIENCE, || without() == 0);
    let (without, took) = (without(), start.elapsed().as_secs_f64());
    let lost = members.lost();
    let text = format!(
        "{} of {} members have all {:.1} MiB after {took:.1} s",
        MEMBERS - 1 - without,
        MEMBERS - 1,
        size as f64 / MIB
    );
    members.leave(usize::MAX);
    Ok(Outcome::new(text)
        .at_most("members without it", without as f64, 0.0, "")
        .at_most("members lost", lost as f64, 0.0, "")
        .memory_kept(context))
}

/// Little on every channel there is, to many.
pub(super) fn many_channels(context: &mut Context<'_>) -> io::Result<Outcome> {
    const MEMBERS: usize = 200;
    const CHANNELS: u8 = 253;
    const EACH: usize = 64;
    /// What a member may have once it is quiet, for itself and of all these channels, in KiB of the process.
    const QUIET: f64 = 40.0;
    context.require_relay()?;
    let joining = Joining {
        count: MEMBERS,
        channels: 255,
        ..Joining::default()
    };
    let members = Members::all(context.target, joining)?;
    let mut sender = Members::all(
        context.target,
        Joining {
            first: 1000,
            count: 1,
            ..joining
        },
    )?;
    let each = context.scale.count(EACH);
    let packets = (0..CHANNELS).flat_map(move |channel| {
        // The first two are those of transfer channel 0.
        let packet = Packet::reliable(relay::to(ALL, b"x"));
        std::iter::repeat_n((channel + 2, packet), each)
    });
    let all = u64::from(CHANNELS) * each as u64;
    context.begin();
    let start = Instant::now();
    members.spawn(sender.member(0).send_all(packets));
    let without = || members.iter().filter(|member| member.bytes_heard() < all).count();
    wait_until(PATIENCE, || without() == 0);
    let (without, took) = (without(), start.elapsed().as_secs_f64());
    let lost = members.lost();
    sender.leave(1);
    let text = format!("{all} broadcasts to {MEMBERS} members in {took:.1} s");
    Ok(Outcome::new(text)
        .at_most("members without some", without as f64, 0.0, "")
        .at_most("members lost", lost as f64, 0.0, "")
        .memory_of_the_quiet(context, MEMBERS as f64 * QUIET / 1024.0))
}

/// The smallest packets there are, for all, again and again.
pub(super) fn tiny_broadcasts(context: &mut Context<'_>) -> io::Result<Outcome> {
    const MEMBERS: usize = 200;
    /// 83 KB/s: seven bytes and eight of a header.
    const A_SECOND: f64 = 83_000.0 / 15.0;
    /// How many a datagram has.
    const PER_DATAGRAM: usize = 10;
    /// What a server may keep ready after it has had so many members, in MiB; the next crowd finds it.
    const CROWD: f64 = 4.0;
    context.require_relay()?;
    let mut members = Members::all(context.target, Joining::of(MEMBERS))?;
    let mut puppet = Puppet::join(context.target, 1000, 2)?;
    context.begin();
    let mut pace = Pace::new(A_SECOND / PER_DATAGRAM as f64, context.scale.seconds(10));
    let mut said = 0;
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            shout(&puppet, &mut said, PER_DATAGRAM);
        }
        puppet.listen(true);
    }
    let lost = members.lost();
    puppet.leave();
    members.leave(usize::MAX);
    Ok(Outcome::new(format!("{said} broadcasts to {MEMBERS} members"))
        .at_most("members lost", lost as f64, 0.0, "")
        .memory_of_the_quiet(context, CROWD))
}

/// Broadcasts the smallest packet so many times in one datagram.
pub(super) fn shout(puppet: &Puppet, said: &mut usize, count: usize) {
    puppet.say(said, count, |_| relay::smallest(ALL));
}

/// As much as an honest client may have to say to another one.
pub(super) fn twenty_megabytes(context: &Context<'_>) -> io::Result<Outcome> {
    const SIZE: usize = 20_000_000;
    const PARTS: usize = 20;
    context.require_relay()?;
    let mut members = Members::all(context.target, Joining::of(2))?;
    let size = context.scale.count(SIZE);
    let to = members.member(1).id();
    let whole = relay::to(to, &vec![1; size]);
    let part = relay::to(to, &vec![2; size / PARTS]);
    let packets = std::iter::once(whole).chain(std::iter::repeat_n(part, PARTS));
    let packets = packets.map(|packet| (0, Packet::reliable(packet)));
    let start = Instant::now();
    members.spawn(members.member(0).send_all(packets));
    let all = size + size / PARTS * PARTS;
    let heard = || members.member(1).bytes_heard();
    wait_until(PATIENCE, || heard() >= all as u64);
    let took = start.elapsed().as_secs_f64();
    let missing = all as f64 - heard() as f64;
    let lost = members.lost();
    members.leave(usize::MAX);
    let text = format!(
        "{:.0} MB in one packet and as much in {PARTS} after {took:.1} s",
        size as f64 / 1e6
    );
    Ok(Outcome::new(text)
        .at_most("bytes missing", missing, 0.0, "")
        .at_most("members lost", lost as f64, 0.0, "")
        .memory_kept(context))
}
