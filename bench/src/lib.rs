//! The micro-benchmarks, for the bench that times them and the program that counts their instructions.
#![deny(missing_docs)]

pub mod micro;
