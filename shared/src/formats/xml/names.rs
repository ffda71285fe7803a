//! Names of fields as names of elements.
//!
//! A character that cannot be where it is becomes `_xHHHH_`. So does the first `_` of what would read as such an escape,
//! the first letter of a name that begins with `xml` in any case, which XML keeps for itself, and a colon, which parts
//! namespaces. The empty name is `_x_`; both `_` of a field of that name are escaped.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::text::{escape, is_like_an_escape};

const EMPTY: &str = "_x_";

/// The letters beyond ASCII that stay. Before its fifth edition XML allowed fewer than it does now, and most parsers still
/// go by that: these ranges of large alphabets are in both lists.
const LETTERS: &[RangeInclusive<char>] = &[
    'À'..='Ö',
    'Ø'..='ö',
    'ø'..='ı',
    'Ĵ'..='ľ',
    'Ł'..='ň',
    'Ŋ'..='ž',
    'Ύ'..='Ρ',
    'Σ'..='ώ',
    'Ё'..='Ќ',
    'Ў'..='я',
    'ё'..='ќ',
    'ў'..='ҁ',
    'א'..='ת',
    'ء'..='غ',
    'ف'..='ي',
    'ぁ'..='ゔ',
    'ァ'..='ヺ',
    '一'..='\u{9FA5}',
    '가'..='힣',
];

/// What the element of this field is called.
pub(super) fn element_name(field: &str) -> Cow<'_, str> {
    if field.is_empty() {
        return Cow::Borrowed(EMPTY);
    }
    let mut name = String::new();
    let mut done = 0;
    for (at, character) in field.char_indices() {
        if !stays(field, at, character) {
            name.push_str(&field[done..at]);
            name.push_str(&escape(character));
            done = at + character.len_utf8();
        }
    }
    if done == 0 {
        return Cow::Borrowed(field);
    }
    name.push_str(&field[done..]);
    Cow::Owned(name)
}

fn stays(field: &str, at: usize, character: char) -> bool {
    match character {
        '_' => !is_like_an_escape(&field[at..]) && field != EMPTY,
        'x' | 'X' if at == 0 => {
            let start = field.get(..3);
            !start.is_some_and(|start| start.eq_ignore_ascii_case("xml"))
        }
        'a'..='z' | 'A'..='Z' => true,
        '0'..='9' | '-' | '.' => at > 0,
        _ => LETTERS.iter().any(|letters| letters.contains(&character)),
    }
}
