//! Reading and writing commands.

use std::hint::black_box;

use enet_proto::wire::{emit, parse};

use super::{Micro, Run};

/// As many 64-byte messages as a datagram holds.
const COMMANDS: u32 = 19;
const DATAGRAMS: u32 = 500;

pub(super) const PARSE: Micro = Micro {
    name: "parse a command",
    operations: COMMANDS * DATAGRAMS,
    prepare: || {
        let mut block = Vec::new();
        write(&mut block);
        Box::new(move || {
            for _ in 0..DATAGRAMS {
                let mut offset = 0;
                while offset < block.len() {
                    let (command, next) = parse(black_box(&block), offset).expect("a good command");
                    black_box(command);
                    offset = next;
                }
            }
        }) as Run
    },
};

pub(super) const EMIT: Micro = Micro {
    name: "write a command",
    operations: COMMANDS * DATAGRAMS,
    prepare: || {
        let mut block = Vec::with_capacity(4096);
        Box::new(move || {
            for _ in 0..DATAGRAMS {
                block.clear();
                write(&mut block);
                black_box(&block);
            }
        }) as Run
    },
};

fn write(block: &mut Vec<u8>) {
    for sequence in 0..COMMANDS as u16 {
        emit::send_reliable(block, 0, sequence, black_box(&[7; 64]));
    }
}
