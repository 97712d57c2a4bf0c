//! What goes wrong.

use std::fmt::Display;

use crate::{DecodeError, EncodeError, TypeMismatch};

/// Why a value is no Variant, or a Variant no value of a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl serde::ser::Error for Error {
    fn custom<T: Display>(message: T) -> Error {
        Error(message.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: Display>(message: T) -> Error {
        Error(message.to_string())
    }
}

impl From<TypeMismatch> for Error {
    fn from(error: TypeMismatch) -> Error {
        Error(error.to_string())
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Error {
        Error(error.to_string())
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Error {
        Error(error.to_string())
    }
}
