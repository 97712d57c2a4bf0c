//! What each attack needs, and what a server may make of it.

use std::io;
use std::time::Duration;

use enet_tokio::Compression;

use super::context::{Context, Outcome};
use super::{
    Attack, acknowledging, calling, compressing, connecting, encrypting, forging, garbage, hoarding, joining,
    receiving, relaying,
};
use crate::link::Link;
use crate::run::Scale;
use crate::victim::{Implementation, Service, Victim};

/// One attack, what it needs and what the server may make of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Whether it restarts the server, which healthy peers would not survive.
    pub(crate) restarts: bool,
    /// What the server should do with what it gets.
    pub(crate) service: Service,
    /// How it is to compress.
    compression: Compression,
    /// Whether it is to encrypt.
    is_encrypted: bool,
    /// How many peers it should have room for.
    room: usize,
    /// What it may hold for all peers, in MiB, where that is not the default.
    may_hold: Option<usize>,
    /// How much more memory it may take meanwhile, in MiB, where that is what the attack is about.
    pub(crate) may_take: Option<f64>,
    /// How long the healthy may wait: most of them.
    pub(crate) wait: Wait,
    /// About how long the whole of it takes, in seconds.
    seconds: u64,
    run: fn(&mut Context<'_>) -> io::Result<Outcome>,
}

/// How long ninety-nine in a hundred messages of the healthy may take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// Twice as long as in quiet, or 5 ms longer.
    Hardly,
    /// So long longer, where the attackers on this machine, or what they honestly have the server do, take time.
    Longer(Duration),
    /// That is not what it is about.
    Whatever,
}

impl Scenario {
    fn new(name: &'static str, seconds: u64, run: fn(&mut Context<'_>) -> io::Result<Outcome>) -> Scenario {
        Scenario {
            name,
            restarts: false,
            service: Service::Echo,
            compression: Compression::None,
            is_encrypted: false,
            room: 4095,
            may_hold: None,
            may_take: None,
            wait: Wait::Hardly,
            seconds,
            run,
        }
    }

    fn restarting(self) -> Scenario {
        Scenario { restarts: true, ..self }
    }

    fn on_a_relay(self) -> Scenario {
        Scenario {
            service: Service::Relay,
            ..self
        }
    }

    fn on_a_game(self) -> Scenario {
        Scenario {
            service: Service::Game,
            ..self
        }
    }

    fn compressed(self) -> Scenario {
        Scenario {
            compression: Compression::RangeCoder,
            ..self
        }
    }

    fn encrypted(self) -> Scenario {
        Scenario {
            is_encrypted: true,
            ..self
        }
    }

    fn with_room(self, room: usize) -> Scenario {
        Scenario { room, ..self }
    }

    fn may_hold(self, mib: usize) -> Scenario {
        Scenario {
            may_hold: Some(mib),
            ..self
        }
    }

    fn may_take(self, mib: f64) -> Scenario {
        Scenario {
            may_take: Some(mib),
            ..self
        }
    }

    /// With so many milliseconds more that the healthy may wait.
    fn waiting(self, millis: u64) -> Scenario {
        Scenario {
            wait: Wait::Longer(Duration::from_millis(millis)),
            ..self
        }
    }

    /// A crowd on the same machine takes the time of the healthy as well.
    fn crowded(self) -> Scenario {
        Scenario {
            wait: Wait::Whatever,
            ..self
        }
    }

    /// A server for it.
    pub(crate) fn victim(&self, implementation: Implementation) -> Victim {
        Victim {
            implementation,
            service: self.service,
            peers: self.room,
            compression: self.compression,
            encrypts: self.is_encrypted,
            memory: self.may_hold.map(|mib| mib * 1024 * 1024),
        }
    }

    /// How the server and its clients are to speak.
    pub(crate) fn link(&self) -> Link {
        Link {
            compression: self.compression,
            is_encrypted: self.is_encrypted,
        }
    }

    /// About how long it takes.
    pub(crate) fn duration(&self, scale: Scale) -> Duration {
        scale.seconds(self.seconds)
    }

    pub(crate) fn run(&self, context: &mut Context<'_>) -> io::Result<Outcome> {
        (self.run)(context)
    }
}

impl Attack {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.scenario().name
    }

    pub(crate) fn scenario(self) -> Scenario {
        match self {
            Attack::ConnectFlood => {
                Scenario::new("connect-flood", 10, |context| connecting::flood(context, 4096)).may_take(8.0)
            }
            Attack::ConnectFloodOnePort => {
                Scenario::new("connect-flood-one-port", 10, |context| connecting::flood(context, 1)).may_take(2.0)
            }
            Attack::Amplification => Scenario::new("amplification", 30, |context| connecting::amplification(context)),
            Attack::BlindProof => Scenario::new("blind-proof", 3, |context| connecting::blind_proof(context)),
            Attack::Silence => Scenario::new("silence", 10, |context| connecting::silence(context)),
            Attack::Garbage => Scenario::new("garbage", 17, |context| garbage::garbage(context)),
            Attack::Compression => {
                Scenario::new("compression", 10, |context| compressing::costly(context)).compressed()
            }
            Attack::Announcements => {
                Scenario::new("announcements", 10, |context| hoarding::announcements(context)).may_take(2.0)
            }
            Attack::EmptyAhead => {
                Scenario::new("empty-ahead", 10, |context| hoarding::empty_ahead(context)).may_take(32.0)
            }
            Attack::Descending => {
                Scenario::new("descending", 10, |context| hoarding::descending(context)).may_take(32.0)
            }
            Attack::Acknowledgements => {
                Scenario::new("acknowledgements", 10, |context| acknowledging::unmatched(context))
            }
            Attack::SlowReader => {
                Scenario::new("slow-reader", 75, |context| acknowledging::slow_reader(context)).may_take(32.0)
            }
            Attack::Forgery => Scenario::new("forgery", 3, |context| forging::from_elsewhere(context)),
            Attack::ForgedDisconnect => Scenario::new("forged-disconnect", 3, |context| forging::disconnect(context)),
            Attack::Restart => Scenario::new("restart", 3, forging::restart).restarting(),
            Attack::JoinsInTurn => Scenario::new("joins-in-turn", 20, |context| joining::in_turn(context)).crowded(),
            Attack::JoinsAtOnce => Scenario::new("joins-at-once", 20, |context| joining::at_once(context)).crowded(),
            Attack::TenThousandJoins => {
                Scenario::new("ten-thousand-joins", 20, |context| joining::ten_thousand(context))
                    .crowded()
                    .with_room(10_100)
            }
            Attack::FirstFragments => {
                Scenario::new("first-fragments", 10, |context| hoarding::first_fragments(context))
                    .may_hold(64)
                    .may_take(64.0)
            }
            Attack::Nonsense => Scenario::new("nonsense", 10, |context| garbage::nonsense(context)),
            Attack::RelayedAcknowledgements => Scenario::new("relayed-acknowledgements", 10, |context| {
                acknowledging::unmatched_through_a_relay(context)
            })
            .on_a_relay(),
            Attack::LargeBroadcast => Scenario::new("large-broadcast", 10, relaying::large_broadcast)
                .on_a_relay()
                .waiting(3000),
            Attack::ManyChannels => Scenario::new("many-channels", 20, relaying::many_channels)
                .on_a_relay()
                .waiting(50)
                .may_take(64.0),
            Attack::TinyBroadcasts => Scenario::new("tiny-broadcasts", 10, relaying::tiny_broadcasts).on_a_relay(),
            Attack::PaddedDatagrams => Scenario::new("padded-datagrams", 10, |context| receiving::padded(context))
                .on_a_relay()
                .may_take(32.0),
            Attack::FilledQueue => {
                Scenario::new("filled-queue", 10, |context| receiving::filled_queue(context)).on_a_relay()
            }
            Attack::DeafReceiver => {
                Scenario::new("deaf-receiver", 20, |context| receiving::slow(context, 0.0)).on_a_relay()
            }
            Attack::SlowReceiver => {
                Scenario::new("slow-receiver", 20, |context| receiving::slow(context, 20.0)).on_a_relay()
            }
            Attack::Framing => Scenario::new("framing", 20, |context| receiving::framing(context))
                .on_a_relay()
                .waiting(50),
            Attack::TwentyMegabytes => {
                Scenario::new("twenty-megabytes", 5, |context| relaying::twenty_megabytes(context))
                    .on_a_relay()
                    .waiting(50)
            }
            Attack::Strangers => Scenario::new("strangers", 15, |context| joining::strangers(context))
                .on_a_relay()
                .waiting(100),
            Attack::RelayedJoinsInTurn => Scenario::new("relayed-joins-in-turn", 60, |context| {
                joining::in_turn_on_a_relay(context)
            })
            .on_a_relay()
            .waiting(100),
            Attack::RelayedJoinsAtOnce => Scenario::new("relayed-joins-at-once", 60, |context| {
                joining::at_once_on_a_relay(context)
            })
            .on_a_relay()
            .waiting(100),
            Attack::SilentMembers => Scenario::new("silent-members", 30, |context| joining::silent_members(context))
                .on_a_relay()
                .waiting(100)
                .with_room(4200),
            Attack::Churn => Scenario::new("churn", 10, joining::churn).on_a_relay(),
            Attack::GuessedFarewells => {
                Scenario::new("guessed-farewells", 10, |context| forging::guessed_farewells(context)).on_a_relay()
            }
            Attack::CallFlood => Scenario::new("call-flood", 10, calling::flood)
                .on_a_game()
                .waiting(20)
                .may_take(16.0),
            Attack::CostlyValues => Scenario::new("costly-values", 20, calling::costly_values)
                .on_a_game()
                .waiting(100)
                .may_take(64.0),
            Attack::PathOffers => Scenario::new("path-offers", 10, calling::paths)
                .on_a_game()
                .waiting(20)
                .may_take(4.0),
            Attack::HelloFlood => Scenario::new("hello-flood", 10, |context| encrypting::hello_flood(context))
                .on_a_relay()
                .encrypted()
                .may_take(2.0),
            Attack::CookieFlood => Scenario::new("cookie-flood", 10, |context| encrypting::cookie_flood(context))
                .on_a_relay()
                .encrypted()
                .may_take(2.0),
            Attack::BegunHandshakes => {
                Scenario::new("begun-handshakes", 10, |context| encrypting::begun_handshakes(context))
                    .on_a_relay()
                    .encrypted()
                    .may_take(32.0)
            }
            Attack::RecordFlood => Scenario::new("record-flood", 10, |context| encrypting::record_flood(context))
                .on_a_relay()
                .encrypted()
                .may_take(2.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_attack_is_named_as_on_the_command_line() {
        for attack in Attack::value_variants() {
            let value = attack.to_possible_value().expect("none is hidden");
            assert_eq!(value.get_name(), attack.name());
        }
    }
}
