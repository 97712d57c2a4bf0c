//! What stands for objects of the engine.

use super::{StringName, Variant};

/// An object of the engine, as it travels.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Object {
    /// Its instance id in the program that wrote it; 0 is null. All that is sent unless objects are allowed. On another machine
    /// it means nothing: Godot makes an `EncodedObjectAsID` of it.
    Id(u64),
    /// Its class and properties: read and written only where [full objects](crate::DecodeOptions::full_objects) are allowed.
    Full(Box<FullObject>),
}

impl Object {
    /// No object.
    pub const NULL: Object = Object::Id(0);

    /// Whether it is none.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Object::Id(0))
    }
}

/// Class and properties of an object. Godot makes an object of it, and runs its script, where it is allowed to; here it is data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FullObject {
    /// The native class, such as `Resource`.
    pub class: String,
    /// Names and values of the properties that are stored, in the order of the class. `script` is the path of its script, or nil.
    pub properties: Vec<(String, Variant)>,
}

impl FullObject {
    /// The first property of a name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Variant> {
        self.properties
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    }
}

/// The number of a resource in one of the engine's servers; 0 is none. On another machine it means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid(pub u64);

/// A signal of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Signal {
    /// Its name.
    pub name: StringName,
    /// The instance id of its object in the program that wrote it; 0 is none.
    pub object: u64,
}
