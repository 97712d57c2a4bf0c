use godot_peer_macros::godot_rpc;

#[godot_rpc]
trait Generic<T> {}

#[godot_rpc]
trait Parts {
    type Kind;
    const NUMBER: u8;
}

#[godot_rpc]
trait Twins {
    #[rpc]
    fn say();
    #[rpc(name = "say")]
    fn speak();
}

#[godot_rpc]
struct NoTrait;

fn main() {}
