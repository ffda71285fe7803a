//! From words to a query.

use super::tokens::{Token, tokens};
use super::{Filter, Item, Literal, Order, Query, Test};
use crate::sandbox::salesforce::errors::SfError;
use crate::sandbox::salesforce::times;

/// What may follow where a query could end, and the sandbox knows nothing of.
const UNKNOWN: [&str; 8] = [
    "GROUP", "HAVING", "OFFSET", "FOR", "WITH", "USING", "ALL", "UPDATE",
];

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, SfError> {
        let mut words = Words(tokens(text)?.into_iter().peekable());
        words.expect("SELECT")?;
        let mut select = vec![words.item()?];
        while words.skip(",") {
            select.push(words.item()?);
        }
        words.expect("FROM")?;
        let mut query = Self {
            select,
            object: words.name()?,
            filter: None,
            order: Vec::new(),
            limit: None,
        };
        if words.skip("WHERE") {
            query.filter = Some(words.filter()?);
        }
        if words.skip("ORDER") {
            words.expect("BY")?;
            query.order.push(words.order()?);
            while words.skip(",") {
                query.order.push(words.order()?);
            }
        }
        if words.skip("LIMIT") {
            let word = words.name()?;
            query.limit = Some(word.parse().map_err(|_| SfError::token(&word))?);
        }
        match words.0.next() {
            None => Ok(query),
            Some(word)
                if UNKNOWN
                    .iter()
                    .any(|it| word.text().eq_ignore_ascii_case(it)) =>
            {
                Err(SfError::not_in_the_sandbox(format!(
                    "{} in queries",
                    word.text()
                )))
            }
            Some(word) => Err(SfError::token(word.text())),
        }
    }
}

struct Words(std::iter::Peekable<std::vec::IntoIter<Token>>);

impl Words {
    fn next(&mut self) -> Result<Token, SfError> {
        self.0.next().ok_or_else(|| SfError::token("<EOF>"))
    }

    /// Passes over a word or sign if it comes next.
    fn skip(&mut self, word: &str) -> bool {
        let is_it = |next: &Token| {
            !matches!(next, Token::Text(_)) && next.text().eq_ignore_ascii_case(word)
        };
        self.0.next_if(is_it).is_some()
    }

    fn expect(&mut self, word: &str) -> Result<(), SfError> {
        if self.skip(word) {
            return Ok(());
        }
        Err(SfError::token(self.next()?.text()))
    }

    fn name(&mut self) -> Result<String, SfError> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(SfError::token(other.text())),
        }
    }

    fn item(&mut self) -> Result<Item, SfError> {
        if self.skip("(") {
            return Err(SfError::not_in_the_sandbox("queries in queries"));
        }
        let name = self.name()?;
        if !self.skip("(") {
            return Ok(Item::Field(name));
        }
        let item = match name.to_ascii_uppercase().as_str() {
            "FIELDS" => Item::Fields(self.name()?.to_ascii_uppercase()),
            "COUNT" if matches!(self.0.peek(), Some(Token::Sign(_))) => Item::Count,
            _ => return Err(SfError::not_in_the_sandbox(format!("{name}(…) in queries"))),
        };
        self.expect(")")?;
        Ok(item)
    }

    fn order(&mut self) -> Result<Order, SfError> {
        let field = self.name()?;
        let downwards = self.skip("DESC");
        if !downwards {
            self.skip("ASC");
        }
        let mut nulls_last = false;
        if self.skip("NULLS") {
            nulls_last = self.skip("LAST");
            if !nulls_last {
                self.expect("FIRST")?;
            }
        }
        Ok(Order {
            field,
            downwards,
            nulls_last,
        })
    }

    /// Conditions joined by AND or by OR; both together need parentheses.
    fn filter(&mut self) -> Result<Filter, SfError> {
        let mut parts = vec![self.condition()?];
        let any = self.skip("OR");
        if any || self.skip("AND") {
            parts.push(self.condition()?);
            while self.skip(if any { "OR" } else { "AND" }) {
                parts.push(self.condition()?);
            }
        }
        if let Some(word) = self.0.next_if(|next| {
            ["AND", "OR"]
                .iter()
                .any(|it| next.text().eq_ignore_ascii_case(it))
        }) {
            return Err(SfError::token(word.text()));
        }
        Ok(if any {
            Filter::Any(parts)
        } else {
            Filter::All(parts)
        })
    }

    fn condition(&mut self) -> Result<Filter, SfError> {
        if self.skip("(") {
            let inner = self.filter()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let field = self.name()?;
        if field.eq_ignore_ascii_case("NOT") {
            return Err(SfError::not_in_the_sandbox("NOT before a condition"));
        }
        let sign = self.next()?;
        let test = match sign.text().to_ascii_uppercase().as_str() {
            "=" => Test::In,
            "!=" | "<>" => Test::NotIn,
            "<" => Test::Less,
            ">" => Test::Greater,
            "<=" => Test::AtMost,
            ">=" => Test::AtLeast,
            "IN" => return self.listed(field, Test::In),
            "NOT" => {
                self.expect("IN")?;
                return self.listed(field, Test::NotIn);
            }
            word @ ("LIKE" | "INCLUDES" | "EXCLUDES") => {
                return Err(SfError::not_in_the_sandbox(word));
            }
            _ => return Err(SfError::token(sign.text())),
        };
        let values = vec![self.literal()?];
        Ok(Filter::Test {
            field,
            test,
            values,
        })
    }

    fn listed(&mut self, field: String, test: Test) -> Result<Filter, SfError> {
        self.expect("(")?;
        let mut values = vec![self.literal()?];
        while self.skip(",") {
            values.push(self.literal()?);
        }
        self.expect(")")?;
        Ok(Filter::Test {
            field,
            test,
            values,
        })
    }

    fn literal(&mut self) -> Result<Literal, SfError> {
        let word = match self.next()? {
            Token::Text(text) => return Ok(Literal::Text(text)),
            Token::Word(word) => word,
            Token::Sign(sign) => return Err(SfError::token(&sign)),
        };
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "NULL" => return Ok(Literal::Null),
            "TRUE" => return Ok(Literal::Truth(true)),
            "FALSE" => return Ok(Literal::Truth(false)),
            _ => {}
        }
        if let Some(moment) = times::parse(&word) {
            return Ok(Literal::Moment(moment));
        }
        if word.parse::<chrono::NaiveDate>().is_ok() {
            return Ok(Literal::Date(word));
        }
        if word.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
            let number = word.parse().map_err(|_| SfError::token(&word))?;
            return Ok(Literal::Number(number));
        }
        let named = [
            "TODAY",
            "YESTERDAY",
            "TOMORROW",
            "LAST_",
            "NEXT_",
            "THIS_",
            "N_",
        ];
        if named.iter().any(|name| upper.starts_with(name)) {
            return Err(SfError::not_in_the_sandbox(format!("the date {word}")));
        }
        // A text without its quotes looks like a variable of Apex.
        Err(SfError::malformed(format!(
            "Bind variables only allowed in Apex code: '{word}'"
        )))
    }
}
