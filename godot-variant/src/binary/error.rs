//! Why something is not read or written.

/// Why bytes are no value, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (byte {offset})")]
pub struct DecodeError {
    /// Where in the bytes it was found.
    pub offset: usize,
    /// What was found.
    pub kind: DecodeErrorKind,
}

/// Why bytes are no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// There are not enough bytes.
    #[error("the value is cut off")]
    CutOff,
    /// There are 39 types.
    #[error("there is no type {0}")]
    UnknownType(u32),
    /// A length or count is negative, or there are not that many bytes.
    #[error("a count of {0} is more than there are bytes for")]
    Count(u32),
    /// Text that is no UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
    /// A path of an old form.
    #[error("a NodePath has a form that is no longer read")]
    OldNodePath,
    /// Mode bits at a type that has no compressed form.
    #[error("type {0} has no compressed form")]
    NotCompressible(u8),
    /// A full object where only ids are allowed.
    #[error("full objects are not allowed")]
    ObjectNotAllowed,
    /// Too many containers in each other.
    #[error("the value is nested too deeply")]
    TooDeep,
    /// The values take more memory than allowed.
    #[error("the value takes more memory than allowed")]
    TooMuchMemory,
}

/// Why a value is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Deeper than Godot reads.
    #[error("the value is nested deeper than Godot reads")]
    TooDeep,
    /// A length or count beyond 2^31 - 1.
    #[error("{0} bytes or elements are more than a count can say")]
    TooLong(usize),
    /// A full object, which has to be allowed.
    #[error("full objects are not allowed")]
    ObjectNotAllowed,
    /// A call has at most 255 arguments.
    #[error("{0} arguments are more than the 255 of a call")]
    TooManyArguments(usize),
}
