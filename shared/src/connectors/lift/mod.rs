//! Lifts a few values out of JSON text without building a tree.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

mod pointer;
#[cfg(test)]
mod tests;

pub(super) use pointer::Pointer;

/// The text of each value pointed to, in the order of the pointers; `None` where there is none.
///
/// Of a key that comes twice the last counts, as in Postgres.
///
/// # Errors
/// When `json` is not one JSON value.
pub(super) fn lift<'j, const N: usize>(
    json: &'j str,
    pointers: [Option<&Pointer>; N],
) -> Result<[Option<&'j str>; N], serde_json::Error> {
    let mut found = [None; N];
    let mut wanted = Vec::with_capacity(N);
    for (place, pointer) in pointers.into_iter().enumerate() {
        match pointer.map(|pointer| pointer.steps()) {
            Some([]) => found[place] = Some(json.trim_ascii()),
            Some(steps) => wanted.push((place, steps)),
            None => {}
        }
    }
    look(json, &wanted, &mut found, None)?;
    Ok(found)
}

/// Values wanted of an object whose members are shown one after the other.
pub(super) struct Members<'w, 'j, const N: usize> {
    wanted: [Option<&'w Pointer>; N],
    /// The members through which the wanted lead.
    found: [Option<&'j str>; N],
}

impl<'w, 'j, const N: usize> Members<'w, 'j, N> {
    pub(super) fn new(wanted: [Option<&'w Pointer>; N]) -> Self {
        Self {
            wanted,
            found: [None; N],
        }
    }

    /// A member: its key, in quotes and as it is spelled, and its value.
    pub(super) fn see(&mut self, key: &str, value: &'j str) {
        for (wanted, found) in self.wanted.iter().zip(&mut self.found) {
            if wanted.is_some_and(|pointer| {
                pointer
                    .steps()
                    .first()
                    .is_some_and(|step| spells(key, step))
            }) {
                *found = Some(value);
            }
        }
    }

    /// The text of each value pointed to, as [`lift`] finds it.
    ///
    /// # Errors
    /// When what was shown is not JSON.
    pub(super) fn lifted(self, json: &'j str) -> Result<[Option<&'j str>; N], serde_json::Error> {
        let mut lifted = self.found;
        for (wanted, lifted) in self.wanted.iter().zip(&mut lifted) {
            match (wanted.map(|pointer| pointer.steps()), *lifted) {
                (Some([]), _) => *lifted = Some(json.trim_ascii()),
                (Some([_, below @ ..]), Some(value)) if !below.is_empty() => {
                    let mut found = [None];
                    look(value, &[(0, below)], &mut found, None)?;
                    *lifted = found[0];
                }
                _ => {}
            }
        }
        Ok(lifted)
    }
}

/// Whether a key, in quotes and as it is spelled, is this one.
fn spells(key: &str, step: &str) -> bool {
    if key.contains('\\') {
        return serde_json::from_str::<Cow<'_, str>>(key).is_ok_and(|key| key == step);
    }
    key.len() == step.len() + 2 && &key[1..key.len() - 1] == step
}

/// An answer with an array of records: its elements, and values beside them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opened<'j, const N: usize> {
    /// `None` where there is no array.
    pub elements: Option<Vec<&'j str>>,
    pub told: [Option<&'j str>; N],
}

/// Takes an answer apart in one pass.
///
/// # Errors
/// When `json` is not one JSON value.
pub(super) fn open<'j, const N: usize>(
    json: &'j str,
    records: &Pointer,
    told: [Option<&Pointer>; N],
) -> Result<Opened<'j, N>, serde_json::Error> {
    if records.steps().is_empty() {
        let told = lift(json, told)?;
        let mut elements = None;
        Elements(&mut elements).deserialize(&mut serde_json::Deserializer::from_str(json))?;
        return Ok(Opened { elements, told });
    }
    let (mut found, mut elements) = (vec![None; N + 1], None);
    let mut wanted = vec![(N, records.steps())];
    for (place, pointer) in told.into_iter().enumerate() {
        match pointer.map(|pointer| pointer.steps()) {
            Some([]) => found[place] = Some(json.trim_ascii()),
            Some(steps) => wanted.push((place, steps)),
            None => {}
        }
    }
    look(json, &wanted, &mut found, Some((N, &mut elements)))?;
    Ok(Opened {
        elements,
        told: std::array::from_fn(|place| found[place]),
    })
}

macro_rules! scalars_are_passed_over {
    () => {
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }
        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }
        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }
        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            Ok(())
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
    };
}

fn look<'j>(
    json: &'j str,
    wanted: &[(usize, &[String])],
    found: &mut [Option<&'j str>],
    array: Option<(usize, &mut Option<Vec<&'j str>>)>,
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    Level {
        wanted,
        found,
        array,
    }
    .deserialize(&mut reader)?;
    reader.end()
}

/// One object on the way, and what is wanted from below it.
struct Level<'w, 'j> {
    wanted: &'w [(usize, &'w [String])],
    found: &'w mut [Option<&'j str>],
    /// Which of the wanted is an array whose elements are wanted one by one.
    array: Option<(usize, &'w mut Option<Vec<&'j str>>)>,
}

impl<'j> DeserializeSeed<'j> for Level<'_, 'j> {
    type Value = ();

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'j> Visitor<'j> for Level<'_, 'j> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'j>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            if !self.wanted.iter().any(|(_, steps)| steps[0] == key) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let (mut here, mut below) = (Vec::new(), Vec::new());
            for (place, steps) in self.wanted.iter().filter(|(_, steps)| steps[0] == key) {
                // The same key may have come before.
                self.found[*place] = None;
                if let Some((_, elements)) = self.array.as_mut().filter(|(at, _)| at == place) {
                    **elements = None;
                }
                match &steps[1..] {
                    [] => here.push(*place),
                    rest => below.push((*place, rest)),
                }
            }
            let mut array = self
                .array
                .as_mut()
                .map(|(place, found)| (*place, &mut **found));
            match (&here[..], &mut array) {
                ([], _) => {
                    map.next_value_seed(Level {
                        wanted: &below,
                        found: &mut *self.found,
                        array,
                    })?;
                }
                ([one], Some((place, elements))) if one == place && below.is_empty() => {
                    map.next_value_seed(Elements(elements))?;
                }
                _ => {
                    let value = map.next_value::<&RawValue>()?.get();
                    take(value, &here, &below, self.found, array)
                        .map_err(serde::de::Error::custom)?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'j>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let last = self
            .wanted
            .iter()
            .filter_map(|(_, steps)| steps[0].parse().ok())
            .max();
        let mut index = 0_usize;
        while last.is_some_and(|last| index <= last) {
            let Some(value) = seq.next_element::<&RawValue>()? else {
                return Ok(());
            };
            let (mut here, mut below) = (Vec::new(), Vec::new());
            for (place, steps) in self.wanted {
                match &steps[1..] {
                    _ if steps[0].parse() != Ok(index) => {}
                    [] => here.push(*place),
                    rest => below.push((*place, rest)),
                }
            }
            let array = self
                .array
                .as_mut()
                .map(|(place, found)| (*place, &mut **found));
            take(value.get(), &here, &below, self.found, array)
                .map_err(serde::de::Error::custom)?;
            index += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    scalars_are_passed_over!();
}

/// Takes what is wanted of one value: the value itself, and what is below it.
fn take<'j>(
    value: &'j str,
    here: &[usize],
    below: &[(usize, &[String])],
    found: &mut [Option<&'j str>],
    mut array: Option<(usize, &mut Option<Vec<&'j str>>)>,
) -> Result<(), serde_json::Error> {
    for place in here {
        found[*place] = Some(value);
        if let Some((_, elements)) = array.as_mut().filter(|(at, _)| at == place) {
            let mut again = serde_json::Deserializer::from_str(value);
            Elements(elements).deserialize(&mut again)?;
        }
    }
    if below.is_empty() {
        return Ok(());
    }
    look(value, below, found, array)
}

/// The elements of an array, each as its text; of anything else, nothing.
struct Elements<'w, 'j>(&'w mut Option<Vec<&'j str>>);

impl<'j> DeserializeSeed<'j> for Elements<'_, 'j> {
    type Value = ();

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.0 = None;
        deserializer.deserialize_any(self)
    }
}

impl<'j> Visitor<'j> for Elements<'_, 'j> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'j>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element::<&RawValue>()? {
            elements.push(element.get());
        }
        *self.0 = Some(elements);
        Ok(())
    }

    fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    scalars_are_passed_over!();
}

/// A key, borrowed where it holds no escape.
struct Key;

impl<'j> DeserializeSeed<'j> for Key {
    type Value = Cow<'j, str>;

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'j> Visitor<'j> for Key {
    type Value = Cow<'j, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'j str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// The text of a JSON string, or the spelling of a whole number; `None` for anything else and for the empty string.
pub(super) fn word(json: &str) -> Option<String> {
    let text = match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<Cow<'_, str>>(json)
            .ok()?
            .into_owned(),
        b'-' | b'0'..=b'9' if json.bytes().skip(1).all(|byte| byte.is_ascii_digit()) => {
            json.to_owned()
        }
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
