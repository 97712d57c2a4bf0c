//! A server that stock Godot clients call with a vector, and that calls back with a dictionary. The README shows it.

use godot_peer::godot_variant::{Dictionary, Vector2};
use godot_peer::scene::{Interface, Method};
use godot_peer::{GodotServer, ServerEvent, ServerOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:7777".to_owned());
    let server = GodotServer::bind(address, ServerOptions::default()).await?;
    println!("listening on {}", server.local_addr());
    let find = Interface::new()
        .with("find", Method::any_peer())
        .with_arguments::<(Vector2,)>("find");
    server.add_node("Main", &find.with("found", Method::authority()))?;
    while let Some(event) = server.next_event().await {
        if let ServerEvent::Call(call) = event
            && call.is("Main", "find")
        {
            let (at,) = call.arguments::<(Vector2,)>()?;
            let what = Dictionary::from_iter([("at", Vector2::new(at.x + 1.0, at.y))]);
            if let Err(error) = server.call(call.from, "Main", "found", (what,)) {
                println!("{} is not told: {error}", call.from);
            }
        }
    }
    Ok(())
}
