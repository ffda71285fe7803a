//! QuickBooks' query language, the part of it that reading needs:
//! `SELECT * FROM Invoice WHERE MetaData.LastUpdatedTime > '…' AND Active IN (true, false) ORDERBY Id STARTPOSITION 1 MAXRESULTS 100`.

use super::errors::QboFault;

/// The most rows an answer holds.
const MOST: u64 = 1_000;

/// A parsed query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// `COUNT(*)` in place of `*`.
    pub(super) count: bool,
    pub(super) entity: String,
    pub(super) conditions: Vec<Condition>,
    /// The field, and whether downwards.
    pub(super) order: Option<(String, bool)>,
    /// One-based.
    pub(super) start: u64,
    pub(super) max: u64,
}

/// What a field must be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) field: String,
    pub(super) test: Test,
    /// One value, except for `IN`.
    pub(super) values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    In,
    Less,
    Greater,
    AtMost,
    AtLeast,
}

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, QboFault> {
        let mut words = Words(tokens(text)?.into_iter().peekable());
        words.expect("SELECT")?;
        let count = match words.next()?.as_str() {
            "*" => false,
            word if word.eq_ignore_ascii_case("COUNT") => {
                for part in ["(", "*", ")"] {
                    words.expect(part)?;
                }
                true
            }
            _ => return Err(QboFault::not_in_the_sandbox("a list of fields in SELECT")),
        };
        words.expect("FROM")?;
        let mut query = Self {
            count,
            entity: words.next()?,
            conditions: Vec::new(),
            order: None,
            start: 1,
            max: 100,
        };
        if words.skip("WHERE") {
            query.conditions.push(words.condition()?);
            while words.skip("AND") {
                query.conditions.push(words.condition()?);
            }
        }
        if words.skip("ORDERBY") || (words.skip("ORDER") && words.expect("BY").is_ok()) {
            let field = words.next()?;
            let downwards = words.skip("DESC");
            if !downwards {
                words.skip("ASC");
            }
            query.order = Some((field, downwards));
        }
        if words.skip("STARTPOSITION") {
            query.start = words.number(u64::MAX)?;
        }
        if words.skip("MAXRESULTS") {
            query.max = words.number(MOST)?;
        }
        match words.0.next() {
            None => Ok(query),
            Some(word) => Err(QboFault::query_syntax(format!("Encountered \" {word} \""))),
        }
    }
}

struct Words(std::iter::Peekable<std::vec::IntoIter<String>>);

impl Words {
    fn next(&mut self) -> Result<String, QboFault> {
        self.0
            .next()
            .ok_or_else(|| QboFault::query_syntax("Encountered \"<EOF>\""))
    }

    /// Passes over a word if it comes next.
    fn skip(&mut self, word: &str) -> bool {
        self.0
            .next_if(|next| next.eq_ignore_ascii_case(word))
            .is_some()
    }

    fn expect(&mut self, word: &str) -> Result<(), QboFault> {
        let next = self.next()?;
        if next.eq_ignore_ascii_case(word) {
            return Ok(());
        }
        Err(QboFault::query_syntax(format!(
            "Encountered \" {next} \", was expecting \"{word}\""
        )))
    }

    fn number(&mut self, most: u64) -> Result<u64, QboFault> {
        let word = self.next()?;
        let number: u64 = word
            .parse()
            .map_err(|_| QboFault::query_syntax(format!("\"{word}\" is no number")))?;
        match number {
            0 => Err(QboFault::query(
                "value 0 is too small. Min allowed value is 1",
            )),
            number if number > most => Err(QboFault::query(format!(
                "value {number} is too large. Max allowed value is {most}"
            ))),
            number => Ok(number),
        }
    }

    fn condition(&mut self) -> Result<Condition, QboFault> {
        let field = self.next()?;
        let word = self.next()?;
        let test = match word.as_str() {
            "=" => Test::In,
            "<" => Test::Less,
            ">" => Test::Greater,
            "<=" => Test::AtMost,
            ">=" => Test::AtLeast,
            word if word.eq_ignore_ascii_case("IN") => {
                self.expect("(")?;
                let mut values = vec![self.value()?];
                while self.skip(",") {
                    values.push(self.value()?);
                }
                self.expect(")")?;
                return Ok(Condition {
                    field,
                    test: Test::In,
                    values,
                });
            }
            word if word.eq_ignore_ascii_case("LIKE") => {
                return Err(QboFault::not_in_the_sandbox("LIKE"));
            }
            other => return Err(QboFault::query_syntax(format!("Encountered \" {other} \""))),
        };
        let values = vec![self.value()?];
        Ok(Condition {
            field,
            test,
            values,
        })
    }

    /// A value: in quotes, or a bare word such as `true`.
    fn value(&mut self) -> Result<String, QboFault> {
        let word = self.next()?;
        Ok(word.strip_prefix('\'').unwrap_or(&word).to_owned())
    }
}

/// Splits a query into words, signs and strings; a string keeps its opening quote as its mark.
fn tokens(text: &str) -> Result<Vec<String>, QboFault> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut token = String::from(letter);
        match letter {
            white if white.is_whitespace() => continue,
            '\'' => loop {
                match letters.next() {
                    Some('\'') => break,
                    Some('\\') => token.extend(letters.next()),
                    Some(letter) => token.push(letter),
                    None => return Err(QboFault::query_syntax("a string does not end")),
                }
            },
            '<' | '>' => token.extend(letters.next_if_eq(&'=')),
            '=' | '(' | ')' | ',' | '*' | ';' => {}
            _ => {
                let in_word =
                    |letter: &char| !letter.is_whitespace() && !"'<>=(),*;".contains(*letter);
                while let Some(letter) = letters.next_if(in_word) {
                    token.push(letter);
                }
            }
        }
        tokens.push(token);
    }
    Ok(tokens)
}
