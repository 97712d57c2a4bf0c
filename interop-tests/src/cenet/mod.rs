//! ENet's C library for tests: a safe wrapper, one value a host, usable on any one thread.
//!
//! [`Host`] is the library as it is: nothing happens but in [`Host::service`]. [`Driver`] runs one on a thread of its own.

mod allocations;
mod codec;
mod driver;
mod event;
mod ffi;
mod host;
mod intercept;

pub use allocations::{Allocations, allocations};
pub use codec::{RangeCoder, crc32};
pub use driver::Driver;
pub use event::{Event, Lent};
pub use host::{Figure, Flags, Host, Options, Peer, Totals, version};
pub use intercept::Intercept;
