//! Arrays of Variants, typed or not.

use std::ops::Deref;

use super::{ElementType, Variant};

/// Values in order; all of one type if it is a typed array (GDScript's `Array[int]`).
///
/// Reads as a slice. Two arrays are equal if their elements are, and their types.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    elements: Vec<Variant>,
    /// `None` for anything.
    element_type: Option<Box<ElementType>>,
}

/// A value that a typed array or dictionary does not take.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("a value of type {} is no {expected}", value.variant_type())]
pub struct TypeMismatch {
    /// What would be taken.
    pub expected: ElementType,
    /// What was given.
    pub value: Variant,
}

impl Array {
    /// An empty array of anything.
    #[must_use]
    pub const fn new() -> Array {
        Array {
            elements: Vec::new(),
            element_type: None,
        }
    }

    /// An empty array of one type.
    #[must_use]
    pub fn typed(element_type: impl Into<ElementType>) -> Array {
        Array {
            elements: Vec::new(),
            element_type: element_type.into().normal(),
        }
    }

    /// An array of one type with these elements, converted as Godot converts.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn typed_from<V: Into<Variant>>(
        element_type: impl Into<ElementType>,
        elements: impl IntoIterator<Item = V>,
    ) -> Result<Array, TypeMismatch> {
        let mut array = Array::typed(element_type);
        for element in elements {
            array.push(element)?;
        }
        Ok(array)
    }

    /// What its elements must be.
    #[must_use]
    pub fn element_type(&self) -> &ElementType {
        self.element_type.as_deref().unwrap_or(&ElementType::Any)
    }

    /// Adds an element at the end, converted as Godot converts.
    ///
    /// # Errors
    /// If the array is typed and does not take it.
    pub fn push(&mut self, value: impl Into<Variant>) -> Result<(), TypeMismatch> {
        let value = self.admitted(value.into())?;
        self.elements.push(value);
        Ok(())
    }

    /// Puts an element in place of the one at `index` and gives that back.
    ///
    /// # Errors
    /// If the array is typed and does not take it.
    ///
    /// # Panics
    /// If there is none at `index`, as a slice does.
    pub fn set(&mut self, index: usize, value: impl Into<Variant>) -> Result<Variant, TypeMismatch> {
        let value = self.admitted(value.into())?;
        Ok(std::mem::replace(&mut self.elements[index], value))
    }

    /// Takes the last element off.
    pub fn pop(&mut self) -> Option<Variant> {
        self.elements.pop()
    }

    /// Takes the element at `index` out, if there is one; those behind it move up.
    pub fn remove(&mut self, index: usize) -> Option<Variant> {
        (index < self.elements.len()).then(|| self.elements.remove(index))
    }

    /// Takes all elements out.
    pub fn clear(&mut self) {
        self.elements.clear();
    }

    /// The elements, without the type.
    #[must_use]
    pub fn into_vec(self) -> Vec<Variant> {
        self.elements
    }

    fn admitted(&self, value: Variant) -> Result<Variant, TypeMismatch> {
        let Some(element_type) = &self.element_type else {
            return Ok(value);
        };
        element_type.admit(value).map_err(|value| TypeMismatch {
            expected: (**element_type).clone(),
            value,
        })
    }

    pub(crate) fn capacity(&self) -> usize {
        self.elements.capacity()
    }

    pub(crate) fn elements_mut(&mut self) -> &mut Vec<Variant> {
        &mut self.elements
    }
}

impl Deref for Array {
    type Target = [Variant];

    fn deref(&self) -> &[Variant] {
        &self.elements
    }
}

impl<V: Into<Variant>> FromIterator<V> for Array {
    fn from_iter<I: IntoIterator<Item = V>>(elements: I) -> Array {
        Array::from(elements.into_iter().map(Into::into).collect::<Vec<Variant>>())
    }
}

impl From<Vec<Variant>> for Array {
    fn from(elements: Vec<Variant>) -> Array {
        Array {
            elements,
            element_type: None,
        }
    }
}

impl IntoIterator for Array {
    type Item = Variant;
    type IntoIter = std::vec::IntoIter<Variant>;

    fn into_iter(self) -> Self::IntoIter {
        self.elements.into_iter()
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = &'a Variant;
    type IntoIter = std::slice::Iter<'a, Variant>;

    fn into_iter(self) -> Self::IntoIter {
        self.elements.iter()
    }
}
