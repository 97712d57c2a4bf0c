//! Where `#[godot_rpc]` is explained.

/// Declares the remote procedures of a Godot script as a trait: typed handlers, typed calls and the [`Interface`], from one
/// declaration.
///
/// Every method of the script marked `@rpc` stands in the trait, marked `#[rpc]` with the same words; without words it is, as in
/// GDScript, `authority, call_remote, reliable, channel = 0`.
///
/// | `#[rpc(…)]` | GDScript |
/// |---|---|
/// | `any_peer` or `authority` | who may call it |
/// | `call_local` or `call_remote` | whether a call to others is made on oneself as well |
/// | `unreliable`, `unreliable_ordered` or `reliable` | how it is sent |
/// | `channel = 1` | on which transfer channel, 0 to 253 |
/// | `name = "move"` | what it is called in the script, if it is something else here |
///
/// - A method **with `self`** is one that is called here. It takes its caller first, `from: PeerId`, which GDScript gets by
///   `multiplayer.get_remote_sender_id()`; then the parameters of the script's method.
/// - A method **without `self`** is one that is only called from here: it has just the parameters.
///
/// So a server and a bot of the same script have `self` in different places. Parameters are of types that implement
/// [`FromVariant`](godot_variant::FromVariant) and turn into a [`Variant`](godot_variant::Variant): numbers, `bool`, `String`,
/// `Vector2` and its like, `Dictionary`, `Vec<Vector2>` for a `PackedVector2Array`, `Variant` for anything, `Option` for what may
/// be null. Arguments are converted as Godot converts them; what does not fit, or not into the Rust type, is no call.
///
/// For a trait `Chat` there is then a type `ChatRpc` beside it, with
///
/// - `ChatRpc::interface()`, the [`Interface`]: ids and checksum as in Godot;
/// - `ChatRpc::say(…)` for each method, which gives a [`MethodCall`](crate::MethodCall): `ChatRpc::heard(1, "hi").make(&server, Target::All, "Main/Chat")`;
/// - `ChatRpc::dispatch(handler, call)`, which makes a [`Call`](crate::Call) that has come on a handler, or says why not.
///
/// ```
/// use godot_peer::{Call, PeerId, TransferChannel, TransferMode, godot_rpc};
/// use godot_variant::Vector2;
///
/// /// The script of the node `Main/Chat`, as a server sees it.
/// #[godot_rpc]
/// trait Chat {
///     /// `@rpc("any_peer", "reliable") func say(text: String)`
///     #[rpc(any_peer, reliable)]
///     fn say(&mut self, from: PeerId, text: String);
///
///     /// `@rpc("any_peer", "call_remote", "unreliable_ordered", 1) func look(at: Vector2)`
///     #[rpc(any_peer, unreliable_ordered, channel = 1)]
///     fn look(&mut self, from: PeerId, at: Vector2);
///
///     /// `@rpc func heard(from: int, text: String)`
///     #[rpc]
///     fn heard(from: i32, text: String);
/// }
///
/// #[derive(Default)]
/// struct Room {
///     calls: Vec<godot_peer::MethodCall>,
/// }
///
/// impl Chat for Room {
///     fn say(&mut self, from: PeerId, text: String) {
///         self.calls.push(ChatRpc::heard(from.number(), text));
///     }
///
///     fn look(&mut self, _from: PeerId, _at: Vector2) {}
/// }
///
/// assert_eq!(ChatRpc::interface().script_methods().count(), 3);
///
/// // As it comes: ServerEvent::Call(call).
/// let call = Call {
///     from: PeerId::SERVER,
///     node: "Main/Chat".into(),
///     method: "say".into(),
///     arguments: vec!["hi".into()],
///     channel: TransferChannel::ZERO,
///     mode: TransferMode::Reliable,
/// };
/// let mut room = Room::default();
/// ChatRpc::dispatch(&mut room, call)?;
/// assert_eq!(room.calls, [ChatRpc::heard(1, "hi")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Interface`]: crate::scene::Interface
pub use godot_peer_macros::godot_rpc;
