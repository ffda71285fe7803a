//! Filters as SQL: the text holds placeholders only, every value is a parameter.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::query_builder::BoxedSqlQuery;
use diesel::sql_types::{Array, Bool, Text, Timestamptz};

use crate::domain::{Condition, Filter, Operand, Operator};

/// A condition on `r.payload`, and its parameters.
pub(super) struct Clause {
    sql: String,
    binds: Vec<Bind>,
    first: usize,
}

enum Bind {
    Path(Vec<String>),
    Text(String),
    Bool(bool),
    Time(DateTime<Utc>),
}

/// A query whose parameters are added one by one.
pub(super) type Query = BoxedSqlQuery<'static, Pg, diesel::query_builder::SqlQuery>;

impl Clause {
    /// The clause of a filter, its parameters numbered from `first`.
    pub(super) fn of(filter: Option<&Filter>, first: usize) -> Self {
        let mut clause = Self {
            sql: String::new(),
            binds: Vec::new(),
            first,
        };
        match filter {
            Some(filter) => clause.filter(filter),
            None => clause.sql.push_str("true"),
        }
        clause
    }

    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    pub(super) fn bind(self, query: Query) -> Query {
        self.binds
            .into_iter()
            .fold(query, |query, bind| match bind {
                Bind::Path(path) => query.bind::<Array<Text>, _>(path),
                Bind::Text(text) => query.bind::<Text, _>(text),
                Bind::Bool(truth) => query.bind::<Bool, _>(truth),
                Bind::Time(instant) => query.bind::<Timestamptz, _>(instant),
            })
    }

    fn parameter(&mut self, bind: Bind) -> String {
        self.binds.push(bind);
        format!("${}", self.first + self.binds.len() - 1)
    }

    fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::And(parts) => self.join(parts, " AND ", "true"),
            Filter::Or(parts) => self.join(parts, " OR ", "false"),
            Filter::Not(inner) => {
                self.sql.push_str("NOT ");
                self.filter(inner);
            }
            // A field that is missing or of another kind answers no, never "unknown".
            Filter::Where(condition) => {
                let sql = self.condition(condition);
                self.sql.push_str(&format!("coalesce({sql}, false)"));
            }
        }
    }

    fn join(&mut self, parts: &[Filter], with: &str, empty: &str) {
        self.sql.push('(');
        if parts.is_empty() {
            self.sql.push_str(empty);
        }
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                self.sql.push_str(with);
            }
            self.filter(part);
        }
        self.sql.push(')');
    }

    fn condition(&mut self, condition: &Condition) -> String {
        let path = self.parameter(Bind::Path(condition.field.parts().to_vec()));
        let value = format!("(r.payload #> {path})");
        match condition.operator {
            Operator::Eq => self.equals(&value, &condition.operand),
            Operator::Ne => format!(
                "NOT coalesce({}, false)",
                self.equals(&value, &condition.operand)
            ),
            Operator::In => self.is_in(&value, &condition.operand),
            Operator::Nin => format!(
                "NOT coalesce({}, false)",
                self.is_in(&value, &condition.operand)
            ),
            Operator::Exists => {
                let wanted = self.parameter(Bind::Bool(condition.operand == Operand::Bool(true)));
                format!("({value} IS NOT NULL) = {wanted}")
            }
            Operator::Contains => self.text(&value, &condition.operand, "strpos", "> 0"),
            Operator::StartsWith => self.text(&value, &condition.operand, "starts_with", ""),
            Operator::Gt => self.compare(&value, condition, ">"),
            Operator::Gte => self.compare(&value, condition, ">="),
            Operator::Lt => self.compare(&value, condition, "<"),
            Operator::Lte => self.compare(&value, condition, "<="),
        }
    }

    fn equals(&mut self, value: &str, operand: &Operand) -> String {
        match operand {
            Operand::Text(text) => {
                let text = self.parameter(Bind::Text(text.clone()));
                format!("{value} = to_jsonb({text}::text)")
            }
            Operand::Number(number) => {
                let number = self.parameter(Bind::Text(number.clone()));
                format!("number_of({value}) = {number}::numeric")
            }
            Operand::Bool(truth) => {
                let truth = self.parameter(Bind::Bool(*truth));
                format!("{value} = to_jsonb({truth})")
            }
            Operand::Null => format!("{value} = 'null'::jsonb"),
            Operand::Time(instant) => {
                let instant = self.parameter(Bind::Time(*instant));
                format!("instant_of({value}) = {instant}")
            }
            Operand::List(_) => self.is_in(value, operand),
        }
    }

    fn is_in(&mut self, value: &str, operand: &Operand) -> String {
        let Operand::List(members) = operand else {
            return self.equals(value, operand);
        };
        let tests: Vec<String> = members
            .iter()
            .map(|member| format!("coalesce({}, false)", self.equals(value, member)))
            .collect();
        format!("({})", tests.join(" OR "))
    }

    fn text(&mut self, value: &str, operand: &Operand, function: &str, test: &str) -> String {
        let Operand::Text(text) = operand else {
            return "false".to_owned();
        };
        let text = self.parameter(Bind::Text(text.clone()));
        format!(
            "(jsonb_typeof({value}) = 'string' AND {function}({value} #>> '{{}}', {text}) {test})"
        )
    }

    fn compare(&mut self, value: &str, condition: &Condition, sign: &str) -> String {
        match &condition.operand {
            Operand::Number(number) => {
                let number = self.parameter(Bind::Text(number.clone()));
                format!("number_of({value}) {sign} {number}::numeric")
            }
            Operand::Time(instant) => {
                let instant = self.parameter(Bind::Time(*instant));
                // The two names every vendor spells differently fall back to the times lifted out of the record.
                let lifted = match condition.field.parts() {
                    [name] if name == "createdAt" => ", r.source_created_at",
                    [name] if name == "updatedAt" => ", r.source_updated_at",
                    _ => "",
                };
                format!("coalesce(instant_of({value}){lifted}) {sign} {instant}")
            }
            _ => "false".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_a_caller_reaches_the_sql_text() {
        let json = r#"{"a'; DROP TABLE records; --":"x' OR 1=1","b":{"gt":10.5},"or":[{"c":{"in":["'",1]}}]}"#;
        let filter = Filter::parse(json, "").unwrap();
        let clause = Clause::of(Some(&filter), 2);
        assert!(
            !clause.sql().contains("DROP")
                && !clause.sql().contains("1=1")
                && !clause.sql().contains("10.5")
        );
        assert_eq!(clause.binds.len(), 7);
        assert!(
            clause.sql().contains("$2")
                && clause.sql().contains("$8")
                && !clause.sql().contains("$9")
        );
    }
}
