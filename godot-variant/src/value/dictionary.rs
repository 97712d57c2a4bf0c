//! Dictionaries of Variants, typed or not.

use std::fmt;

use indexmap::IndexMap;
use indexmap::map;

use super::key::{ByKey, Key};
use super::{ElementType, TypeMismatch, Variant};

/// Keys and values in the order in which the keys were added; all of one type each if it is a typed dictionary.
///
/// Keys are compared by value, as Godot compares them: `"a"` and `&"a"` are the same key, 1 and 1.0 are not, NaN is itself, arrays
/// and dictionaries are equal element by element. Two dictionaries are equal if they have the same keys, in any order, with equal
/// values, and their types are the same.
#[derive(Clone, Default, PartialEq)]
pub struct Dictionary {
    inner: Box<Inner>,
}

#[derive(Clone, Default, PartialEq)]
struct Inner {
    entries: IndexMap<Key, Variant>,
    key_type: ElementType,
    value_type: ElementType,
}

impl Dictionary {
    /// An empty dictionary of anything.
    #[must_use]
    pub fn new() -> Dictionary {
        Dictionary::default()
    }

    /// An empty dictionary with keys and values of one type each.
    #[must_use]
    pub fn typed(key_type: impl Into<ElementType>, value_type: impl Into<ElementType>) -> Dictionary {
        let plain = |kind: ElementType| if kind.is_any() { ElementType::Any } else { kind };
        Dictionary {
            inner: Box::new(Inner {
                entries: IndexMap::new(),
                key_type: plain(key_type.into()),
                value_type: plain(value_type.into()),
            }),
        }
    }

    /// What its keys must be.
    #[must_use]
    pub fn key_type(&self) -> &ElementType {
        &self.inner.key_type
    }

    /// What its values must be.
    #[must_use]
    pub fn value_type(&self) -> &ElementType {
        &self.inner.value_type
    }

    /// Whether keys or values must be of a type.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        !self.inner.key_type.is_any() || !self.inner.value_type.is_any()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.entries.is_empty()
    }

    /// Gives a key a value, both converted as Godot converts, and the old value back if there was one. A key that is there already
    /// stays where and as it is.
    ///
    /// # Errors
    /// If the dictionary is typed and does not take one of them.
    pub fn insert(
        &mut self,
        key: impl Into<Variant>,
        value: impl Into<Variant>,
    ) -> Result<Option<Variant>, TypeMismatch> {
        let Inner {
            entries,
            key_type,
            value_type,
        } = &mut *self.inner;
        let admitted = |kind: &ElementType, value| {
            kind.admit(value).map_err(|value| TypeMismatch {
                expected: kind.clone(),
                value,
            })
        };
        let key = admitted(key_type, key.into())?;
        let value = admitted(value_type, value.into())?;
        Ok(entries.insert(Key(key), value))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &Variant) -> Option<&Variant> {
        self.inner.entries.get(&ByKey(key))
    }

    /// The value of a key that is text, a `String` or a `StringName`.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<&Variant> {
        self.inner.entries.get(key)
    }

    /// The value of a key, to be changed. It is not held to the type of the values: on a typed dictionary there is none to change.
    pub fn get_mut(&mut self, key: &Variant) -> Option<&mut Variant> {
        if self.is_typed() {
            return None;
        }
        self.inner.entries.get_mut(&ByKey(key))
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn contains_key(&self, key: &Variant) -> bool {
        self.inner.entries.contains_key(&ByKey(key))
    }

    /// Takes a key and its value out, and gives the value back. The others keep their order.
    pub fn remove(&mut self, key: &Variant) -> Option<Variant> {
        self.inner.entries.shift_remove(&ByKey(key))
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.inner.entries.clear();
    }

    /// Keys and values, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.inner.entries.iter())
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Variant> {
        self.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Variant> {
        self.inner.entries.values()
    }

    /// How many keys fit in the memory it has.
    pub(crate) fn capacity(&self) -> usize {
        self.inner.entries.capacity()
    }

    pub(crate) fn reserve_exact(&mut self, more: usize) {
        self.inner.entries.reserve_exact(more);
    }

    /// What an empty one takes, and each key with its value; the index counts for two words.
    pub(crate) const SIZE: usize = size_of::<Inner>();
    pub(crate) const ENTRY_SIZE: usize = 2 * size_of::<Variant>() + 4 * size_of::<usize>();
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_typed() {
            write!(f, "Dictionary[{}, {}] ", self.key_type(), self.value_type())?;
        }
        f.debug_map().entries(self).finish()
    }
}

/// Keys and values of a [`Dictionary`], in order.
#[derive(Clone, Debug)]
pub struct Iter<'a>(map::Iter<'a, Key, Variant>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Variant, &'a Variant);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (&key.0, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Dictionary {
    type Item = (&'a Variant, &'a Variant);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Dictionary {
    type Item = (Variant, Variant);
    type IntoIter = std::vec::IntoIter<(Variant, Variant)>;

    fn into_iter(self) -> Self::IntoIter {
        let entries: Vec<_> = self
            .inner
            .entries
            .into_iter()
            .map(|(key, value)| (key.0, value))
            .collect();
        entries.into_iter()
    }
}

/// Untyped. Of equal keys the first keeps its place and the last gives the value.
impl<K: Into<Variant>, V: Into<Variant>> FromIterator<(K, V)> for Dictionary {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Dictionary {
        let mut dictionary = Dictionary::new();
        let entries = entries.into_iter().map(|(key, value)| (Key(key.into()), value.into()));
        dictionary.inner.entries.extend(entries);
        dictionary
    }
}

impl<K: Into<Variant>, V: Into<Variant>, const N: usize> From<[(K, V); N]> for Dictionary {
    fn from(entries: [(K, V); N]) -> Dictionary {
        entries.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Array, StringName, VariantType, Vector2};

    #[test]
    fn text_is_one_key_whether_string_or_name() {
        let mut dictionary = Dictionary::from([("a", 1)]);
        assert_eq!(dictionary.insert(StringName::new("a"), 2), Ok(Some(Variant::Int(1))));
        assert_eq!(dictionary.keys().collect::<Vec<_>>(), [&Variant::from("a")]);
        assert_eq!(dictionary.get_str("a"), Some(&Variant::Int(2)));
    }

    #[test]
    fn keys_are_told_apart_as_godot_does() {
        let nan = Vector2::new(0.0, f32::NAN);
        let minus = Vector2::new(-0.0, f32::NAN);
        let typed = Array::typed_from(VariantType::Int, [1]).expect("an integer");
        let nested = |key: Variant| Variant::from(Dictionary::from([(key, 1)]));
        let same: [(Variant, Variant); 7] = [
            ("a".into(), StringName::new("a").into()),
            (0.0.into(), (-0.0).into()),
            (f64::NAN.into(), (-f64::NAN).into()),
            (nan.into(), minus.into()),
            (Array::from_iter([1]).into(), typed.into()),
            (vec![0.0f32].into(), vec![-0.0f32].into()),
            (nested("a".into()), nested(StringName::new("a").into())),
        ];
        for (one, other) in same {
            let dictionary = Dictionary::from([(one, 1)]);
            assert!(dictionary.contains_key(&other), "{dictionary:?} {other:?}");
        }
        let different: [(Variant, Variant); 7] = [
            (1.into(), 1.0.into()),
            (1.into(), true.into()),
            (Array::from_iter([1]).into(), Array::from_iter([1.0]).into()),
            (Array::from_iter([1]).into(), vec![1i32].into()),
            (
                Array::from_iter(["a"]).into(),
                Array::from_iter([StringName::new("a")]).into(),
            ),
            (Variant::Nil, false.into()),
            (
                Dictionary::from([(1, 1), (2, 2)]).into(),
                Dictionary::from([(2, 2), (1, 1)]).into(),
            ),
        ];
        for (one, other) in different {
            let dictionary = Dictionary::from([(one, 1)]);
            assert!(!dictionary.contains_key(&other), "{dictionary:?} {other:?}");
        }
    }

    #[test]
    fn order_is_that_of_insertion_and_no_matter_of_equality() {
        let mut one = Dictionary::from([("b", 1), ("a", 2), ("c", 3)]);
        let other = Dictionary::from([("c", 3), ("b", 1)]);
        assert_eq!(one.remove(&"a".into()), Some(Variant::Int(2)));
        assert_eq!(one.keys().collect::<Vec<_>>(), [&Variant::from("b"), &"c".into()]);
        assert_eq!(one, other);
    }

    #[test]
    fn a_typed_one_converts_or_refuses() {
        let mut dictionary = Dictionary::typed(VariantType::String, VariantType::Int);
        assert_eq!(dictionary.insert(StringName::new("a"), 1.5), Ok(None));
        assert_eq!(dictionary.iter().next(), Some((&"a".into(), &1.into())));
        assert!(dictionary.insert(1, 1).is_err());
        assert!(dictionary.insert("b", "c").is_err());
        assert_eq!(dictionary.len(), 1);
    }
}
