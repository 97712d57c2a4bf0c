//! Hours on the network.

use std::collections::HashMap;

use enet_proto::{Event, HostConfig, Packet, PeerHandle};
use enet_sim::{Conditions, Network, NodeId, Random};

use crate::common::{ms, number_of, payload};

/// What one host has sent to and received from one of its peers, by channel.
#[derive(Default)]
struct Conversation {
    sent: [u32; 3],
    received: [u32; 3],
}

struct Member {
    node: NodeId,
    peers: Vec<PeerHandle>,
    conversations: HashMap<PeerHandle, Conversation>,
}

impl Member {
    /// Takes the events of the host; every packet must be the next one of its channel.
    fn listen(&mut self, network: &mut Network) {
        for event in network.take_events(self.node) {
            match event {
                Event::Connected { peer, .. } => {
                    self.peers.push(peer);
                    self.conversations.insert(peer, Conversation::default());
                }
                Event::Received { peer, channel, packet } => {
                    let conversation = self.conversations.get_mut(&peer).unwrap();
                    let next = &mut conversation.received[usize::from(channel)];
                    assert_eq!(number_of(&packet.data), *next, "once and in order");
                    assert_eq!(packet.data, payload(*next, packet.data.len()));
                    *next += 1;
                }
                Event::Disconnected { .. } => panic!("{event:?}"),
            }
        }
    }

    fn speak(&mut self, network: &mut Network, random: &mut Random) {
        let peer = self.peers[random.below(self.peers.len() as u64) as usize];
        let channel = random.below(3) as u8;
        let number = &mut self.conversations.get_mut(&peer).unwrap().sent[usize::from(channel)];
        let size = if random.chance(0.02) {
            4 + random.below(8000)
        } else {
            4 + random.below(200)
        } as usize;
        let packet = Packet::reliable(payload(*number, size));
        network
            .with_host(self.node, |host| host.peer_mut(peer).unwrap().send(channel, packet))
            .unwrap();
        *number += 1;
    }
}

/// Fifty hosts in a ring, each of which says something to one of its neighbours four times a second for an hour: 720 000
/// reliable packets on top of all pings and acknowledgements, some four million datagrams.
#[test]
fn an_hour_between_fifty_hosts_at_ten_percent_loss() {
    const HOSTS: usize = 50;
    let mut network = Network::new(2026);
    let mut random = Random::new(1);
    network.set_conditions(Conditions::default().delay(ms(25)).jitter(ms(10)).loss(0.1));
    let mut members: Vec<Member> = (0..HOSTS)
        .map(|_| {
            let node = network.add_host(HostConfig::default());
            Member {
                node,
                peers: Vec::new(),
                conversations: HashMap::new(),
            }
        })
        .collect();
    for at in 0..HOSTS {
        network.connect(members[at].node, members[(at + 1) % HOSTS].node, 3, 0);
    }
    network.run_for(ms(20_000));
    for member in &mut members {
        member.listen(&mut network);
        assert_eq!(member.peers.len(), 2);
    }
    for _ in 0..3600 * 4 {
        network.run_for(ms(250));
        for member in &mut members {
            member.listen(&mut network);
            member.speak(&mut network, &mut random);
        }
    }
    network.run_for(ms(60_000));
    let (mut sent, mut received) = (0, 0);
    for member in &mut members {
        member.listen(&mut network);
        for (peer, conversation) in &member.conversations {
            sent += conversation.sent.iter().sum::<u32>();
            received += conversation.received.iter().sum::<u32>();
            assert_eq!(network.host(member.node).peer(*peer).unwrap().queued_data(), 0);
        }
    }
    assert_eq!((sent, received), (720_000, 720_000));
}
