//! The words of a query.

use crate::sandbox::salesforce::errors::SfError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a number, a time.
    Word(String),
    /// What stood in quotes.
    Text(String),
    /// `=`, `(` and their like.
    Sign(String),
}

impl Token {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Text(text) | Self::Sign(text) => text,
        }
    }
}

/// Splits a query.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SfError> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut token = String::from(letter);
        tokens.push(match letter {
            white if white.is_whitespace() => continue,
            '\'' => Token::Text(quoted(&mut letters)?),
            '<' | '>' | '!' => {
                token.extend(letters.next_if(|next| matches!(next, '=' | '>')));
                Token::Sign(token)
            }
            '=' | '(' | ')' | ',' => Token::Sign(token),
            letter if in_word(letter) => {
                while let Some(letter) = letters.next_if(|letter| in_word(*letter)) {
                    token.push(letter);
                }
                Token::Word(token)
            }
            other => {
                return Err(SfError::malformed(format!(
                    "line 1: no viable alternative at character '{other}'"
                )));
            }
        });
    }
    Ok(tokens)
}

fn in_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_.:+-".contains(letter)
}

fn quoted(letters: &mut impl Iterator<Item = char>) -> Result<String, SfError> {
    let mut text = String::new();
    loop {
        match letters.next() {
            Some('\'') => return Ok(text),
            Some('\\') => match letters.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some(letter @ ('\'' | '"' | '\\')) => text.push(letter),
                _ => {
                    return Err(SfError::new(
                        400,
                        "INVALID_QUERY_FILTER_OPERATOR",
                        "invalid escape sequence",
                    ));
                }
            },
            Some(letter) => text.push(letter),
            None => return Err(SfError::token("<EOF>")),
        }
    }
}
