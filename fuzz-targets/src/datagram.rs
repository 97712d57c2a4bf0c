//! The datagram parser: whatever it makes of any bytes, writing that down and reading it again makes the same.

use enet_proto::wire::{Body, Command, Commands, Header};

/// Parses a datagram.
///
/// # Panics
/// If what was parsed is lost in writing.
pub fn run(datagram: &[u8]) {
    let Some((header, length)) = Header::parse(datagram) else {
        return;
    };
    let mut written = Vec::new();
    header.emit(&mut written);
    assert_eq!(Header::parse(&written), Some((header, length)));

    let block = &datagram[length..];
    let mut commands = Commands::new(block);
    let mut total = 0;
    while let Some(Ok(command)) = commands.next() {
        let payload = block[command.body.payload().unwrap_or_default()].to_vec();
        total += command.encoded_len();
        written.clear();
        command.emit(&payload, &mut written);
        assert_eq!(written.len(), command.encoded_len());
        let again = Commands::new(&written).next();
        let Some(Ok(again)) = again else {
            panic!("{command:?} is written as {written:?}, which is {again:?}");
        };
        assert_eq!(written[again.body.payload().unwrap_or_default()], payload);
        assert_eq!(without_place(again), without_place(command));
    }
    assert!(total <= block.len());
}

/// Recorded datagrams.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    crate::traffic()
}

/// A command but for where its payload is.
fn without_place(mut command: Command) -> Command {
    match &mut command.body {
        Body::SendReliable { payload }
        | Body::SendUnreliable { payload, .. }
        | Body::SendUnsequenced { payload, .. } => *payload = 0..0,
        Body::SendFragment(fragment) | Body::SendUnreliableFragment(fragment) => fragment.payload = 0..0,
        _ => {}
    }
    command
}
