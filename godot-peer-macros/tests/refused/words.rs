use godot_peer_macros::godot_rpc;

#[godot_rpc]
trait Words {
    #[rpc(anyone)]
    fn unknown(text: i32);

    #[rpc(any_peer, authority)]
    fn twice(text: i32);

    #[rpc(channel = 254)]
    fn channel(text: i32);

    #[rpc(name = "")]
    fn nameless(text: i32);

    #[rpc(any_peer = true)]
    fn valued(text: i32);

    #[rpc]
    #[rpc]
    fn marked_twice();

    fn unmarked();
}

#[godot_rpc(any_peer)]
trait OnTheTrait {}

fn main() {}
