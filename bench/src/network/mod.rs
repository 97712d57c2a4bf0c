//! The bad network between the ends, and how long it really takes.

mod probe;
mod relay;

pub(crate) use self::probe::Probe;
pub(crate) use self::relay::Relay;
