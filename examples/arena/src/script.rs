//! What the script `arena.gd` and the server call on each other.

use godot_peer::{PeerId, godot_rpc};
use godot_variant::{Dictionary, Vector2};

/// The node's path in the client's tree.
pub(crate) const NODE: &str = "Arena";

/// The script `arena.gd`. What has `self` the clients call, and the rest is called on them.
#[godot_rpc]
pub trait Arena {
    /// A client's scene is there, and it wants to play under this name. With the right word it may kick and ban.
    #[rpc(any_peer)]
    fn enter(&mut self, from: PeerId, name: String, word: String);

    /// Where a player wants to go; sent again and again while it does.
    #[rpc(any_peer, unreliable_ordered, channel = 1)]
    fn steer(&mut self, from: PeerId, direction: Vector2);

    /// Words for everyone.
    #[rpc(any_peer)]
    fn say(&mut self, from: PeerId, text: String);

    /// Sends a player away.
    #[rpc(any_peer)]
    fn kick(&mut self, from: PeerId, player: i32, why: String);

    /// Sends a player away for good, with all who come from its address.
    #[rpc(any_peer)]
    fn ban(&mut self, from: PeerId, player: i32, why: String);

    /// To who has entered: how large the field is, and whether it may kick and ban.
    #[rpc]
    fn welcome(field: Vector2, may_kick: bool);

    /// A player is there.
    #[rpc]
    fn joined(player: i32, name: &str);

    /// A player has gone.
    #[rpc]
    fn left(player: i32);

    /// Where all players are. Later ones replace earlier ones.
    #[rpc(unreliable_ordered, channel = 1)]
    fn moved(tick: i64, players: Vec<i32>, places: Vec<Vector2>);

    /// Where all coins are.
    #[rpc]
    fn coins(places: Vec<Vector2>);

    /// How many coins each player has taken.
    #[rpc]
    fn scores(points: Dictionary);

    /// What a player says, or the arena itself, which is 0.
    #[rpc]
    fn heard(from: i32, text: &str);

    /// To who is sent away.
    #[rpc]
    fn removed(why: &str);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use godot_peer::project::Project;

    use super::*;

    #[test]
    fn the_script_of_the_client_has_the_same_methods() {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/godot/arena");
        let project = Project::open(project).expect("the project");
        assert_eq!(project.notes(), []);
        let node = project.node(NODE).expect("the node");
        let methods = |interface: &godot_peer::scene::Interface| -> Vec<_> {
            interface
                .script_methods()
                .map(|(name, method)| (name.to_owned(), *method))
                .collect()
        };
        assert_eq!(methods(&node.interface), methods(&ArenaRpc::interface()));
        assert_eq!(node.interface.checksum(), ArenaRpc::interface().checksum());
        // Of what the server calls it declares none.
        let called = ["enter", "steer", "say", "kick", "ban"];
        for name in called {
            let here = ArenaRpc::interface();
            assert!(here.parameters(name).is_some(), "{name}");
            assert_eq!(node.interface.parameters(name), here.parameters(name), "{name}");
        }
    }
}
