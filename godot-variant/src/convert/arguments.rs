//! Lists of arguments as tuples.

use super::{DeclaredType, FromVariant, FromVariantError};
use crate::Variant;

/// What the arguments of a call can be made of: a tuple of up to eight values, or a list of Variants.
pub trait IntoArguments {
    /// The arguments.
    fn into_arguments(self) -> Vec<Variant>;
}

/// What can be made of the arguments of a call: a tuple of up to eight values, or a list of Variants.
pub trait FromArguments: Sized {
    /// The values of the arguments, converted as GDScript converts them.
    ///
    /// # Errors
    /// If there are more or fewer, or one is not taken.
    fn from_arguments(arguments: Vec<Variant>) -> Result<Self, ArgumentsError>;

    /// The types that GDScript would declare for the parameters; nothing if any number of any types is taken.
    fn declared() -> Option<Vec<DeclaredType>>;
}

/// Arguments that a method does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentsError {
    /// More or fewer than it has parameters.
    #[error("{found} arguments, not {expected}")]
    Count {
        /// How many parameters there are.
        expected: usize,
        /// How many arguments there are.
        found: usize,
    },
    /// One of the wrong type or out of range.
    #[error("argument {index}: {error}")]
    Argument {
        /// Which, from 0.
        index: usize,
        /// Why it is not taken.
        error: FromVariantError,
    },
}

impl IntoArguments for Vec<Variant> {
    fn into_arguments(self) -> Vec<Variant> {
        self
    }
}

impl<const N: usize> IntoArguments for [Variant; N] {
    fn into_arguments(self) -> Vec<Variant> {
        self.into()
    }
}

impl FromArguments for Vec<Variant> {
    fn from_arguments(arguments: Vec<Variant>) -> Result<Vec<Variant>, ArgumentsError> {
        Ok(arguments)
    }

    fn declared() -> Option<Vec<DeclaredType>> {
        None
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),*), $count:literal;)*) => {
        $(
            impl<$($name: Into<Variant>),*> IntoArguments for ($($name,)*) {
                fn into_arguments(self) -> Vec<Variant> {
                    vec![$(self.$index.into()),*]
                }
            }

            impl<$($name: FromVariant),*> FromArguments for ($($name,)*) {
                #[allow(clippy::unused_unit)]
                fn from_arguments(arguments: Vec<Variant>) -> Result<Self, ArgumentsError> {
                    let found = arguments.len();
                    let Ok([$($name),*]) = <[Variant; $count]>::try_from(arguments) else {
                        return Err(ArgumentsError::Count { expected: $count, found });
                    };
                    Ok(($(
                        $name::from_variant($name).map_err(|error| ArgumentsError::Argument { index: $index, error })?,
                    )*))
                }

                fn declared() -> Option<Vec<DeclaredType>> {
                    Some(vec![$($name::declared()),*])
                }
            }
        )*
    };
}

#[allow(non_snake_case)]
mod tuples {
    use super::{ArgumentsError, DeclaredType, FromArguments, FromVariant, IntoArguments, Variant};

    tuples! {
        (), 0;
        (A 0), 1;
        (A 0, B 1), 2;
        (A 0, B 1, C 2), 3;
        (A 0, B 1, C 2, D 3), 4;
        (A 0, B 1, C 2, D 3, E 4), 5;
        (A 0, B 1, C 2, D 3, E 4, F 5), 6;
        (A 0, B 1, C 2, D 3, E 4, F 5, G 6), 7;
        (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7), 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VariantType;

    #[test]
    fn a_wrong_count_and_a_wrong_type_say_which() {
        let arguments = || ("a", 1).into_arguments();
        assert_eq!(
            <(String,)>::from_arguments(arguments()),
            Err(ArgumentsError::Count { expected: 1, found: 2 })
        );
        let wrong = <(String, String)>::from_arguments(arguments()).expect_err("a number is no text");
        assert_eq!(wrong.to_string(), "argument 1: a value of type int is no String");
        let range = <(String, u8)>::from_arguments(("a", 256).into_arguments()).expect_err("256");
        assert_eq!(range.to_string(), "argument 1: 256 is out of range");
        assert_eq!(<()>::from_arguments(Vec::new()), Ok(()));
        assert_eq!(<(Option<i64>,)>::from_arguments(vec![Variant::Nil]), Ok((None,)));
    }

    #[test]
    fn a_tuple_declares_the_types_of_its_parameters_and_a_list_none() {
        let declared = <(String, i64)>::declared().expect("a tuple");
        assert_eq!(
            declared,
            [VariantType::String, VariantType::Int].map(DeclaredType::from)
        );
        assert_eq!(<Vec<Variant>>::declared(), None);
    }
}
