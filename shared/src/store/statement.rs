//! Statements written by hand that a connection prepares once, as it does those that diesel writes. `diesel::sql_query`
//! is for texts that differ from call to call: it prepares anew each time, which costs a round trip and a plan.

use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};

/// A statement with its values; rows are read by the names of their columns.
pub(super) struct Statement<V> {
    sql: &'static str,
    values: V,
}

/// Those before, and one more.
pub(super) struct And<V, ST, T> {
    before: V,
    value: T,
    _type: PhantomData<ST>,
}

/// A statement of this text, in which `$1` is the first value bound.
pub(super) fn statement(sql: &'static str) -> Statement<()> {
    Statement { sql, values: () }
}

impl<V> Statement<V> {
    /// Gives the next `$…` its value.
    pub(super) fn bind<ST, T>(self, value: T) -> Statement<And<V, ST, T>> {
        Statement {
            sql: self.sql,
            values: And {
                before: self.values,
                value,
                _type: PhantomData,
            },
        }
    }
}

/// Values in their order.
pub(super) trait Values {
    fn push<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

impl Values for () {
    fn push<'b>(&'b self, _: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        Ok(())
    }
}

impl<V: Values, ST, T: ToSql<ST, Pg>> Values for And<V, ST, T>
where
    Pg: HasSqlType<ST>,
{
    fn push<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.before.push(out.reborrow())?;
        out.push_bind_param::<ST, T>(&self.value)
    }
}

impl<V: Values> QueryFragment<Pg> for Statement<V> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // Diesel writes a placeholder wherever a value is pushed. The text has them already, some of them twice.
        out.push_sql("/* ");
        self.values.push(out.reborrow())?;
        out.push_sql(" */ ");
        out.push_sql(self.sql);
        Ok(())
    }
}

impl<V> QueryId for Statement<V> {
    type QueryId = ();
    /// Known by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<V> Query for Statement<V> {
    type SqlType = Untyped;
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::sql_types::{BigInt, Text};

    use super::*;

    #[test]
    fn values_are_numbered_in_the_order_in_which_they_are_bound_and_the_text_stays_as_it_is() {
        let query = statement("SELECT $2 || $1 || $2")
            .bind::<BigInt, _>(7)
            .bind::<Text, _>("seven");
        let shown = debug_query::<Pg, _>(&query).to_string();
        assert!(
            shown.starts_with("/* $1$2 */ SELECT $2 || $1 || $2"),
            "{shown}"
        );
        assert!(shown.ends_with("[7, \"seven\"]"), "{shown}");
    }

    #[test]
    fn a_statement_is_kept_where_one_by_sql_query_is_not() -> QueryResult<()> {
        let safe = |query: &dyn QueryFragment<Pg>| query.is_safe_to_cache_prepared(&Pg);
        assert!(safe(&statement("SELECT 1"))?);
        assert!(!safe(&diesel::sql_query("SELECT 1"))?);
        Ok(())
    }
}
