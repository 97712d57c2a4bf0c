//! What can be measured: which implementations do what, over what network.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::side::Mode;
use crate::workload::Workload;

/// An implementation, of ENet or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Implementation {
    /// Debian's libenet.
    C,
    /// Ours, by enet-tokio.
    Ours,
    /// The same with DTLS.
    OursDtls,
    /// Ours, by enet-proto and a socket.
    Bare,
    RustyEnet,
    TokioEnet,
    Quinn,
    /// Bare UDP, a call for each datagram.
    Udp,
    /// Bare UDP with segmentation and receive offload.
    UdpOffload,
    /// Clients of ours with a socket each, the same for every server.
    Swarm,
    /// Clients of enet-tokio with a socket each.
    Crowd,
    /// The same with DTLS.
    CrowdDtls,
}

/// Who is at the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) client: Implementation,
    pub(crate) server: Implementation,
}

/// A bad network between the ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Network {
    /// The share of datagrams that is lost, in each direction.
    pub(crate) loss: f64,
    /// There and back, in milliseconds.
    pub(crate) round_trip: u64,
}

/// One measurement, which a process of its own makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) pair: Pair,
    pub(crate) workload: Workload,
    pub(crate) network: Option<Network>,
    /// Where the bad network's chance comes from.
    pub(crate) seed: u64,
    /// Whether this run is to look at every byte and to count system calls, rather than to be fast.
    pub(crate) thorough: bool,
}

impl Implementation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Implementation::C => "C ENet",
            Implementation::Ours => "ours (enet-tokio)",
            Implementation::OursDtls => "ours with DTLS",
            Implementation::Bare => "ours (enet-proto)",
            Implementation::RustyEnet => "rusty_enet",
            Implementation::TokioEnet => "tokio-enet",
            Implementation::Quinn => "quinn",
            Implementation::Udp => "UDP",
            Implementation::UdpOffload => "UDP with GSO and GRO",
            Implementation::Swarm => "a swarm of clients",
            Implementation::Crowd => "a crowd",
            Implementation::CrowdDtls => "a crowd with DTLS",
        }
    }
}

impl Pair {
    pub(crate) const fn both(implementation: Implementation) -> Pair {
        Pair {
            client: implementation,
            server: implementation,
        }
    }
}

impl Pair {
    /// A server with the clients that all servers get.
    pub(crate) const fn serving(server: Implementation) -> Pair {
        Pair {
            client: Implementation::Swarm,
            server,
        }
    }

    /// The window of reliable data in flight that they agree on, in bytes; for QUIC, which has no such, that of ENet.
    pub(crate) fn window(self) -> u32 {
        use Implementation::{Bare, Crowd, CrowdDtls, Ours, OursDtls, Swarm};
        let ours = |end| matches!(end, Ours | OursDtls | Bare | Swarm | Crowd | CrowdDtls);
        if ours(self.client) && ours(self.server) {
            enet_proto::HostConfig::default().max_window
        } else {
            enet_proto::wire::MAXIMUM_WINDOW
        }
    }

    /// Whether it is what others are compared with: C at all ends that differ between implementations.
    pub(crate) fn is_base(self) -> bool {
        let neutral = [Implementation::C, Implementation::Swarm];
        self.server == Implementation::C && neutral.contains(&self.client)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.client == self.server || self.client == Implementation::Swarm {
            formatter.write_str(self.server.name())
        } else {
            write!(formatter, "{} → {}", self.client.name(), self.server.name())
        }
    }
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::Reliable => "reliable",
            Mode::Unreliable => "unreliable",
        }
    }
}
