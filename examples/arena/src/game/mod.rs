//! The game itself.

mod player;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use glam::Vec2;
use godot_peer::{MethodCall, PeerId, Target};
use godot_variant::{Dictionary, Vector2};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::script::{Arena, ArenaRpc};
use player::Player;

/// The size of the field, in pixels.
pub(crate) const FIELD: Vec2 = Vec2::new(960.0, 540.0);
/// A player's radius, in pixels.
const RADIUS: f32 = 14.0;
/// How near a coin has to be to be taken, in pixels.
const REACH: f32 = 24.0;
const COINS: usize = 5;

/// How many ticks a second has.
pub(crate) const TICKS: u32 = 30;
/// Pixels in a tick.
const SPEED: f32 = 240.0 / TICKS as f32;

/// The arena itself, where a player is named.
const ARENA: i32 = 0;

/// What can be set.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How many may play at a time.
    pub max_players: usize,
    /// Who enters with this word may kick and ban.
    pub word: String,
}

/// What the game wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A call of a method of the arena's node.
    Call(Target, MethodCall),
    /// A client has to go, after what it was told.
    Disconnect(PeerId),
}

/// The game. Clients come and go ([`connected`](Game::connected), [`disconnected`](Game::disconnected)), call what [`Arena`] has,
/// and time goes on in [ticks](Game::tick); what is to be done then is among the [outputs](Game::take_outputs).
#[derive(Debug)]
pub struct Game {
    rules: Rules,
    random: StdRng,
    /// The number of the last tick.
    tick: u32,
    /// Who is connected, from where.
    clients: BTreeMap<PeerId, IpAddr>,
    /// Those of them who have entered.
    players: BTreeMap<PeerId, Player>,
    coins: Vec<Vec2>,
    banned: BTreeSet<IpAddr>,
    outputs: Vec<Output>,
}

impl Game {
    /// A game without players. Equal seeds give equal games.
    #[must_use]
    pub fn new(rules: Rules, seed: u64) -> Game {
        let mut game = Game {
            rules,
            random: StdRng::seed_from_u64(seed),
            tick: 0,
            clients: BTreeMap::new(),
            players: BTreeMap::new(),
            coins: Vec::new(),
            banned: BTreeSet::new(),
            outputs: Vec::new(),
        };
        game.coins = (0..COINS).map(|_| game.somewhere()).collect();
        game
    }

    /// A client has connected. It plays as soon as it enters.
    pub fn connected(&mut self, id: PeerId, address: IpAddr) {
        self.clients.insert(id, address);
        if self.banned.contains(&address) {
            self.remove(id, "You are banned.");
        }
    }

    /// A client has gone.
    pub fn disconnected(&mut self, id: PeerId) {
        self.forget(id);
    }

    fn forget(&mut self, id: PeerId) {
        self.clients.remove(&id);
        if let Some(player) = self.players.remove(&id) {
            self.tell_all(&ArenaRpc::left(id.number()));
            self.announce(&format!("{} has left", player.name));
            self.tell_scores();
        }
    }

    /// A thirtieth of a second goes by.
    pub fn tick(&mut self) {
        self.tick = self.tick.wrapping_add(1);
        for player in self.players.values_mut() {
            player.step();
        }
        self.take_coins();
        if self.players.is_empty() {
            return;
        }
        let ids = self.players.keys().map(|id| id.number()).collect();
        let places = self.players.values().map(|player| player.place.into()).collect();
        self.tell_all(&ArenaRpc::moved(self.tick.into(), ids, places));
    }

    /// What is to be done, in order.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// The nearest player takes a coin.
    fn take_coins(&mut self) {
        let mut taken = false;
        for at in 0..self.coins.len() {
            let coin = self.coins[at];
            let distance = |player: &Player| player.place.distance_squared(coin);
            let nearest = self
                .players
                .values_mut()
                .min_by(|one, other| distance(one).total_cmp(&distance(other)));
            if let Some(player) = nearest.filter(|player| distance(player) <= REACH * REACH) {
                player.points += 1;
                self.coins[at] = self.somewhere();
                taken = true;
            }
        }
        if taken {
            self.tell_all(&self.coins_call());
            self.tell_scores();
        }
    }

    fn somewhere(&mut self) -> Vec2 {
        let mut within = |size: f32| self.random.random_range(RADIUS..size - RADIUS);
        Vec2::new(within(FIELD.x), within(FIELD.y))
    }

    /// Has a client go. From now on it plays no part, however long its connection lasts.
    fn remove(&mut self, id: PeerId, why: &str) {
        self.tell(id, ArenaRpc::removed(why));
        self.outputs.push(Output::Disconnect(id));
        self.forget(id);
    }

    /// The player of that number, if the one who asks may send it away; otherwise that one is told.
    fn removable(&mut self, from: PeerId, player: i32) -> Option<PeerId> {
        let asking = self.players.get(&from)?;
        let id = PeerId::new(player).filter(|id| self.players.contains_key(id));
        let objection = match id {
            _ if !asking.may_kick => "You may not do that.",
            None => "There is no such player.",
            Some(_) => return id,
        };
        self.tell(from, ArenaRpc::heard(ARENA, objection));
        None
    }

    fn tell(&mut self, id: PeerId, call: MethodCall) {
        self.outputs.push(Output::Call(id.into(), call));
    }

    /// Tells the players. Not all clients: some may still load.
    fn tell_all(&mut self, call: &MethodCall) {
        let calls = self.players.keys().map(|id| Output::Call((*id).into(), call.clone()));
        self.outputs.extend(calls);
    }

    fn announce(&mut self, text: &str) {
        self.tell_all(&ArenaRpc::heard(ARENA, text));
    }

    fn tell_scores(&mut self) {
        let points: Dictionary = self
            .players
            .iter()
            .map(|(id, player)| (id.number(), player.points))
            .collect();
        self.tell_all(&ArenaRpc::scores(points));
    }

    fn coins_call(&self) -> MethodCall {
        ArenaRpc::coins(self.coins.iter().map(|coin| (*coin).into()).collect())
    }
}

impl Arena for Game {
    fn enter(&mut self, from: PeerId, name: String, word: String) {
        if !self.clients.contains_key(&from) || self.players.contains_key(&from) {
            return;
        }
        if self.players.len() >= self.rules.max_players {
            return self.remove(from, "The arena is full.");
        }
        let name = words::name(&name).unwrap_or_else(|| format!("player {from}"));
        let place = self.somewhere();
        let may_kick = word == self.rules.word;
        let newcomer = Player::new(name.clone(), place, may_kick);
        self.tell(from, ArenaRpc::welcome(Vector2::from(FIELD), may_kick));
        for (id, player) in &self.players {
            let call = ArenaRpc::joined(id.number(), &player.name);
            self.outputs.push(Output::Call(from.into(), call));
        }
        self.players.insert(from, newcomer);
        self.tell_all(&ArenaRpc::joined(from.number(), &name));
        self.tell(from, self.coins_call());
        self.tell_scores();
        self.announce(&format!("{name} is here"));
    }

    fn steer(&mut self, from: PeerId, direction: Vector2) {
        if let Some(player) = self.players.get_mut(&from) {
            player.steer(direction.into());
        }
    }

    fn say(&mut self, from: PeerId, text: String) {
        let tick = self.tick;
        let Some(player) = self.players.get_mut(&from) else {
            return;
        };
        let Some(text) = words::line(&text) else {
            return;
        };
        match player.may_speak(tick) {
            true => self.tell_all(&ArenaRpc::heard(from.number(), &text)),
            false => self.tell(from, ArenaRpc::heard(ARENA, "Not so fast.")),
        }
    }

    fn kick(&mut self, from: PeerId, player: i32, why: String) {
        if let Some(id) = self.removable(from, player) {
            self.remove(id, &words::reason("You were kicked", &why));
        }
    }

    fn ban(&mut self, from: PeerId, player: i32, why: String) {
        let Some(id) = self.removable(from, player) else {
            return;
        };
        self.banned.extend(self.clients.get(&id));
        self.remove(id, &words::reason("You were banned", &why));
    }
}
