//! Records of about a kilobyte with 20 fields, made by Postgres itself.

use anyhow::ensure;
use diesel_async::SimpleAsyncConnection;

use crate::stage::Stage;

/// The entity.
pub const ENTITY: &str = "measured";
/// The fields, in the order of their columns.
pub const FIELDS: [&str; 20] = [
    "id",
    "account",
    "address",
    "amount",
    "balance",
    "city",
    "count",
    "country",
    "createdAt",
    "currency",
    "day",
    "description",
    "email",
    "flag",
    "name",
    "note",
    "phone",
    "score",
    "status",
    "updatedAt",
];

/// Puts so many into the database, as syncs leave them.
pub async fn make(stage: &mut Stage, records: usize) -> anyhow::Result<()> {
    let tenant = stage.tenant;
    let sql = format!(
        "INSERT INTO streams (tenant_id, entity) VALUES ('{tenant}', '{ENTITY}');
         INSERT INTO change_counters (tenant_id, entity, last_seq) VALUES ('{tenant}', '{ENTITY}', 1);
         INSERT INTO change_sets (tenant_id, entity, seq, stream_id)
         SELECT tenant_id, entity, 1, id FROM streams WHERE entity = '{ENTITY}';
         INSERT INTO records (stream_id, external_id, payload, fingerprint, as_of, change_set, first_change_set)
         SELECT c.stream_id, 'rec_' || lpad(n::text, 10, '0'), jsonb_build_object(
             'id', 'rec_' || lpad(n::text, 10, '0'), 'account', 'acct_' || n % 1000,
             'address', jsonb_build_object('line1', n || ' Long Street', 'line2', null, 'zip', lpad((n % 99999)::text, 5, '0')),
             'amount', (n % 1000000)::numeric / 100, 'balance', -(n % 7919)::numeric / 1000,
             'city', (ARRAY['Berlin', 'Paris', 'Lyon', 'Wien', 'Köln'])[1 + n % 5], 'count', n,
             'country', (ARRAY['DE', 'FR', 'AT'])[1 + n % 3],
             'createdAt', to_char(timestamp '2024-01-01' + n * interval '37 s', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
             'currency', 'EUR', 'day', to_char(date '2024-01-01' + (n % 700)::int, 'YYYY-MM-DD'),
             'description', md5(n::text) || ' ' || md5((n + 1)::text) || repeat(' and so on', 30),
             'email', 'person' || n || '@example.com', 'flag', n % 2 = 0, 'name', 'Person \"' || n || '\", the ' || n % 9,
             'note', CASE WHEN n % 3 = 0 THEN null ELSE md5((n * 7)::text) END, 'phone', '+49' || n,
             'score', (n % 100)::numeric / 10, 'status', (ARRAY['ACTIVE', 'CLOSED'])[1 + n % 2],
             'updatedAt', to_char(timestamp '2025-01-01' + n * interval '11 s', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')),
             decode(md5(n::text), 'hex'), now(), c.id, c.id
         FROM generate_series(1, {records}) n, change_sets c WHERE c.entity = '{ENTITY}'"
    );
    stage.look.batch_execute(&sql).await?;
    let made = stage.count("SELECT count(*) FROM records").await?;
    ensure!(made == records as u64, "{made} records were made");
    stage.settle_down().await
}

/// Gives one in the middle a field that no other has.
pub async fn make_one_odd(stage: &mut Stage, records: usize) -> anyhow::Result<()> {
    let sql = format!(
        "UPDATE records SET payload = payload || '{{\"odd\": 1}}'
         WHERE external_id = 'rec_' || lpad('{}', 10, '0')",
        records / 2
    );
    stage.look.batch_execute(&sql).await?;
    stage.settle_down().await
}
