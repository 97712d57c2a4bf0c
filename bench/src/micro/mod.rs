//! Small pieces of the protocol, to be timed or to have their instructions counted.
//!
//! Each piece is prepared and then run once; only the run counts. What it works on is made from constants, so that every run
//! executes the same instructions.

mod codec;
mod hosts;
mod wire;

/// A piece, ready to run.
pub type Run = Box<dyn FnOnce()>;

/// A piece of work.
#[derive(Clone, Copy, Debug)]
pub struct Micro {
    /// What it is called.
    pub name: &'static str,
    /// How many operations one run is.
    pub operations: u32,
    /// Makes it ready.
    pub prepare: fn() -> Run,
}

/// All pieces.
pub const ALL: &[Micro] = &[
    wire::PARSE,
    wire::EMIT,
    hosts::SEND,
    hosts::TRANSMIT,
    hosts::RECEIVE,
    hosts::ACKNOWLEDGE,
    hosts::ACKNOWLEDGE_FEW,
    hosts::REASSEMBLE,
    hosts::BROADCAST,
    hosts::IDLE,
    hosts::IDLE_FEW,
    codec::COMPRESS,
    codec::DECOMPRESS,
];

/// Runs a piece. A function of its own, so that an instrument can tell the work from what prepares it.
#[inline(never)]
pub fn measured(run: Run) {
    run();
}
