//! [`Object`]: reads an object in one pass into a [`Target`], without a tree of values. The rules of the room hold for
//! every part of the text, whether or not the target wants it.

use super::{Checked, JsonError, Name};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, fmt};

/// The only member of the object as which serde_json passes on a number, if a crate of the program has switched on its
/// feature `arbitrary_precision`. The value is the text of the number. An object that is written so is a number, too: it
/// means the same in every program.
const NUMBER: &str = "$serde_json::private::Number";

/// What the members of an object are read into.
pub(crate) trait Target<'t> {
    /// What the name of a member means to this target.
    type Member;

    /// Maps the name of a member to its meaning.
    fn member(name: &str) -> Self::Member;

    /// Reads the value of a member: `members.next_value_seed(..)`, once. `inner` reads a value that is not wanted.
    fn read<A: MapAccess<'t>>(
        &mut self,
        member: Self::Member,
        members: &mut A,
        inner: Checked<'_, '_>,
    ) -> Result<(), A::Error>;
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Object,
    Null,
    Other,
}

/// Reads one value of any type. If it is an object, its members go to the target. Returns what it is.
pub(crate) struct Object<'c, 'n, 'o, T> {
    pub(crate) checked: Checked<'c, 'n>,
    pub(crate) target: &'o mut T,
}

impl<'t, T: Target<'t>> Object<'t, '_, '_, T> {
    /// Reads a whole text, which must be an object.
    pub(crate) fn parse(self) -> Result<(), JsonError> {
        let Self { checked: Checked { text, names, depth }, target } = self;
        let mut from = serde_json::Deserializer::from_str(super::utf8(text)?);
        let object = Object { checked: Checked { text, names: &mut *names, depth }, target };
        let read = object.deserialize(&mut from).and_then(|value| from.end().map(|()| value));
        match read {
            Ok(Read::Object) => Ok(()),
            Ok(Read::Null | Read::Other) => Err(JsonError::NotAnObject),
            Err(_) => Err(names.failure()),
        }
    }
}

impl<'t, T: Target<'t>> DeserializeSeed<'t> for Object<'_, '_, '_, T> {
    type Value = Read;
    fn deserialize<D: Deserializer<'t>>(self, from: D) -> Result<Read, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'t, T: Target<'t>> Visitor<'t> for Object<'_, '_, '_, T> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Read, E> {
        Ok(Read::Other)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Read, E> {
        Ok(Read::Other)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Read, E> {
        Ok(Read::Other)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Read, E> {
        Ok(Read::Other)
    }
    fn visit_str<E>(self, _: &str) -> Result<Read, E> {
        Ok(Read::Other)
    }
    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Read::Null)
    }
    fn visit_seq<A: SeqAccess<'t>>(self, items: A) -> Result<Read, A::Error> {
        self.checked.visit_seq(items).map(|()| Read::Other)
    }
    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<Read, A::Error> {
        let Self { checked: Checked { text, names, depth }, target } = self;
        let Some(depth) = depth.checked_sub(1) else { return Err(names.fail(JsonError::TooDeep)) };
        let (from, mut count, mut numbers) = (names.open(), 0, 0);
        let meaning = |name: &str| (T::member(name), name == NUMBER);
        while let Some((member, is_number)) = members.next_key_seed(Name { text, names, meaning })? {
            target.read(member, &mut members, Checked { text, names, depth })?;
            (count, numbers) = (count + 1, numbers + u32::from(is_number));
        }
        if !names.close(text, from) {
            return Err(names.fail(JsonError::DuplicateMember));
        }
        Ok(if (count, numbers) == (1, 1) { Read::Other } else { Read::Object })
    }
}

/// The value of a member that should be a string or a number. `null` counts as absent.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Slot<'t> {
    #[default]
    Absent,
    /// A string, borrowed unless it has escapes.
    Text(Cow<'t, str>),
    Number(f64),
    /// A value of another type.
    Other,
}

impl<'t> Slot<'t> {
    /// Reads the value of a member.
    pub(crate) fn read<A: MapAccess<'t>>(
        members: &mut A,
        checked: Checked<'_, '_>,
    ) -> Result<Self, A::Error> {
        members.next_value_seed(SlotSeed(checked))
    }

    /// Returns the string, if there is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Number(_) | Self::Other => None,
        }
    }

    /// Returns the string, or `None` if the member is absent.
    ///
    /// # Errors
    /// The member is present and is no string.
    pub(crate) fn string(&self, member: &'static str) -> Result<Option<&str>, JsonError> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Number(_) | Self::Other => Err(JsonError::WrongType { member, expected: "a string" }),
        }
    }
}

/// Reads any value into a [`Slot`].
pub(crate) struct SlotSeed<'a, 'n>(pub(crate) Checked<'a, 'n>);

impl<'t> DeserializeSeed<'t> for SlotSeed<'_, '_> {
    type Value = Slot<'t>;
    fn deserialize<D: Deserializer<'t>>(self, from: D) -> Result<Slot<'t>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for SlotSeed<'_, '_> {
    type Value = Slot<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Slot<'t>, E> {
        Ok(Slot::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Slot<'t>, E> {
        Ok(Slot::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_unit<E>(self) -> Result<Slot<'t>, E> {
        Ok(Slot::Absent)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Slot<'t>, E> {
        Ok(Slot::Other)
    }
    #[allow(clippy::cast_precision_loss, reason = "a number beyond 2^53 is not exact in JSON")]
    fn visit_i64<E>(self, number: i64) -> Result<Slot<'t>, E> {
        Ok(Slot::Number(number as f64))
    }
    #[allow(clippy::cast_precision_loss, reason = "a number beyond 2^53 is not exact in JSON")]
    fn visit_u64<E>(self, number: u64) -> Result<Slot<'t>, E> {
        Ok(Slot::Number(number as f64))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Slot<'t>, E> {
        Ok(Slot::Number(number))
    }
    fn visit_seq<A: SeqAccess<'t>>(self, items: A) -> Result<Slot<'t>, A::Error> {
        self.0.visit_seq(items).map(|()| Slot::Other)
    }
    fn visit_map<A: MapAccess<'t>>(self, mut members: A) -> Result<Slot<'t>, A::Error> {
        let Checked { text, names, depth } = self.0;
        let Some(depth) = depth.checked_sub(1) else { return Err(names.fail(JsonError::TooDeep)) };
        let (from, mut count, mut number) = (names.open(), 0, None);
        let meaning = |name: &str| name == NUMBER;
        while let Some(is_number) = members.next_key_seed(Name { text, names, meaning })? {
            let value = members.next_value_seed(SlotSeed(Checked { text, names, depth }))?;
            number = if is_number { value.text().and_then(|digits| digits.parse().ok()) } else { number };
            count += 1;
        }
        if !names.close(text, from) {
            return Err(names.fail(JsonError::DuplicateMember));
        }
        Ok(number.filter(|_| count == 1).map_or(Slot::Other, Slot::Number))
    }
}
