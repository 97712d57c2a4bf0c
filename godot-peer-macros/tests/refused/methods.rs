use godot_peer_macros::godot_rpc;

#[godot_rpc]
trait Methods {
    #[rpc]
    fn no_sender(&mut self);

    #[rpc]
    fn other_first(&mut self, text: String);

    #[rpc]
    fn by_value(self, from: PeerId);

    #[rpc]
    fn answers(&mut self, from: PeerId) -> i32;

    #[rpc]
    async fn waits(&mut self, from: PeerId);

    #[rpc]
    unsafe fn dangerous();

    #[rpc]
    fn generic<T>(value: T);

    #[rpc]
    fn taken_apart((a, b): (i32, i32));

    #[rpc]
    fn body(text: i32) {}

    #[rpc]
    fn dispatch();
}

fn main() {}
