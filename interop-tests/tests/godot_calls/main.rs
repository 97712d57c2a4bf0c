//! Members without Godot and stock Godots, also with our extension, call each other with values.

#[path = "../../../godot-variant/tests/support/mod.rs"]
mod support;

mod common;
mod first;
mod later;
mod random;
mod refused;
mod targets;
mod values;
