//! `TLSOptions` as an argument that may be left out.

use godot::classes::TlsOptions;
use godot::meta::conv::ByValue;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, GodotImmutable, ToGodot};
use godot::prelude::*;

/// An object of class `TLSOptions`, or null, which is also what it can default to.
#[derive(Clone, Debug)]
pub(crate) struct OptionalTls(Option<Gd<TlsOptions>>);

impl OptionalTls {
    pub(crate) const NULL: OptionalTls = OptionalTls(None);
}

impl GodotConvert for OptionalTls {
    type Via = Option<Gd<TlsOptions>>;

    fn godot_shape() -> GodotShape {
        <Option<Gd<TlsOptions>> as GodotConvert>::godot_shape()
    }
}

impl ToGodot for OptionalTls {
    type Pass = ByValue;

    fn to_godot(&self) -> Self::Via {
        self.0.clone()
    }
}

impl FromGodot for OptionalTls {
    fn try_from_godot(via: Self::Via) -> Result<OptionalTls, ConvertError> {
        Ok(OptionalTls(via))
    }
}

// SAFETY: the only default is null, which is immutable, and a script cannot change the options of an existing object either.
unsafe impl GodotImmutable for OptionalTls {}
