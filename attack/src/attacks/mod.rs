//! What is done to servers. Each attack is bounded, and tells what it achieved.

mod acknowledging;
mod calling;
mod compressing;
mod connecting;
mod context;
mod encrypting;
mod forging;
mod garbage;
mod hoarding;
mod joining;
mod receiving;
mod relaying;
mod scenario;

use clap::ValueEnum;

pub(crate) use context::Context;
pub(crate) use scenario::{Scenario, Wait};

/// A way to do harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Attack {
    /// 50 000 CONNECTs a second for 10 s from 4096 addresses, none of which answers.
    ConnectFlood,
    /// The same from one port, in whose name a client could not ask any more if it had room for all of that.
    ConnectFloodOnePort,
    /// One CONNECT from each of 10 addresses: what comes back in 30 s.
    Amplification,
    /// CONNECTs whose VERIFY is acknowledged without having been read, as one with a false address would.
    BlindProof,
    /// 3000 connections from one address that fall silent once they are proven.
    Silence,
    /// 20 000 datagrams of noise a second for 17 s: random, mutated from a true session, empty; from strangers and from peers.
    Garbage,
    /// On a server that compresses: 4000 datagrams a second for 10 s that cost most to open, from strangers and from peers.
    Compression,
    /// 25 500 packets of 32 MiB announced, of each of which one byte comes: the first, as no honest sender cuts a packet, or the last.
    Announcements,
    /// 6 million empty packets ahead of one that never comes.
    EmptyAhead,
    /// The same packets, the last of them first.
    Descending,
    /// 1.7 million acknowledgements that match nothing, with 40 000 messages open.
    Acknowledgements,
    /// A client that is sent 8 MB/s for 40 s and acknowledges twenty commands a second.
    SlowReader,
    /// Forged commands from other addresses and ports, with wrong ids and sessions.
    Forgery,
    /// DISCONNECTs forged with everything right, the address and port included.
    ForgedDisconnect,
    /// The server is killed and started anew; then data and disconnects of the former connections arrive.
    Restart,
    /// As many honest clients as C ENet can have, one after the other.
    JoinsInTurn,
    /// As many honest clients, all at once.
    JoinsAtOnce,
    /// 10 000 honest clients from as many addresses, all at once, on a server with room for them if its protocol can have that many.
    TenThousandJoins,
    /// 50 connections, each of which begins 2048 packets of 4096 bytes and sends one byte of each.
    FirstFragments,
    /// Nonsense inside valid datagrams of four connected peers: 20 000 a second for 10 s.
    Nonsense,
    /// Relay: acknowledgements that match nothing, as above.
    RelayedAcknowledgements,
    /// Relay: one client sends one packet of 15.9 MiB to all: 70 members and the healthy.
    LargeBroadcast,
    /// Relay: one client broadcasts 64 tiny packets on each of 253 channels to 200 members, and leaves.
    ManyChannels,
    /// Relay: 83 KB/s of 7-byte broadcasts to 200 members.
    TinyBroadcasts,
    /// Relay: 7-byte packets, each in a datagram of 4090 bytes, for a client that acknowledges nothing.
    PaddedDatagrams,
    /// Relay: one client sends another as much as it can; a third one has something to say to it as well.
    FilledQueue,
    /// Relay: 8 MB/s for a client that acknowledges no data.
    DeafReceiver,
    /// Relay: 8 MB/s for a client that acknowledges twenty commands a second.
    SlowReceiver,
    /// Relay: five clients fill the queue of one that takes nothing; then an honest one sends 1 MiB to all.
    Framing,
    /// Relay: 20 MB from one honest client to another, in one packet and in twenty.
    TwentyMegabytes,
    /// Relay: 4000 clients that do not know each other yet; broadcasts; a thousand leave at once.
    Strangers,
    /// Relay: as many honest clients as C ENet can have, one after the other, until all know each other.
    RelayedJoinsInTurn,
    /// Relay: as many honest clients, all at once.
    RelayedJoinsAtOnce,
    /// Relay: 4096 members of one address that say nothing.
    SilentMembers,
    /// Relay: 690 clients a second join, with 100 members there, and leave again, half of them at once.
    Churn,
    /// Relay: all ids and sessions are tried in the name of some members; others leave meanwhile.
    GuessedFarewells,
    /// Game: 100 000 calls a second for 10 s, most of which are refused.
    CallFlood,
    /// Game: 1000 calls with values of up to a megabyte that cost most to read: deep, many, with counts that lie.
    CostlyValues,
    /// Game: 5000 messages a second for 10 s that offer, confirm and call by numbers of paths without end.
    PathOffers,
    /// Relay with DTLS: 50 000 hellos a second for 10 s from 4096 addresses, none of which answers.
    HelloFlood,
    /// Relay with DTLS: the same with cookies: false ones, and one that is good, again and again from its own address.
    CookieFlood,
    /// Relay with DTLS: 2000 handshakes a second for 10 s from 256 addresses, which prove themselves and say no more.
    BegunHandshakes,
    /// Relay with DTLS: 50 000 records a second that nobody has sealed, from strangers and from clients with a session.
    RecordFlood,
}
