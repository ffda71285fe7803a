//! Whether what is stored is what the vendor holds.

use rail_shared::domain::ConnectionId;
use rail_tests::processes::Installation;
use serde_json::{Value, json};

use crate::tally::Tally;

/// The current records, those not deleted.
const CURRENT: &str = "\
    SELECT s.connection_id, s.entity, r.external_id, r.payload FROM records r JOIN streams s ON s.id = r.stream_id
    WHERE r.deleted_at IS NULL";
/// What snapshots hold.
const COPIED: &str = "\
    SELECT s.connection_id, s.entity, c.external_id, coalesce(v.payload, r.payload) AS payload
    FROM snapshot_parts p JOIN streams s ON s.id = p.stream_id JOIN snapshot_records c ON c.part_no = p.no
    LEFT JOIN record_versions v ON v.stream_id = s.id AND v.external_id = c.external_id AND v.fingerprint = c.fingerprint
    LEFT JOIN records r ON r.stream_id = s.id AND r.external_id = c.external_id AND r.fingerprint = c.fingerprint
    WHERE p.digest IS NOT NULL";

/// Compares a connection's records of an entity with the sandbox's, one by one.
pub async fn compare(installation: &Installation, connection: &str, entity: &str) -> Tally {
    compare_all(installation, CURRENT, connection, entity).await
}

/// The same with what the only snapshot of the connection holds.
pub async fn compare_copy(installation: &Installation, connection: &str, entity: &str) -> Tally {
    compare_all(installation, COPIED, connection, entity).await
}

async fn compare_all(
    installation: &Installation,
    records: &str,
    connection: &str,
    entity: &str,
) -> Tally {
    let mut tally = Tally::default();
    let connection: ConnectionId = connection.parse().expect("the id of a connection");
    let sql = format!(
        "SELECT coalesce(jsonb_object_agg(external_id, payload), '{{}}') FROM ({records}) AS stored
         WHERE connection_id = '{}' AND entity = '{entity}'",
        connection.uuid()
    );
    let Value::Object(mut stored) = installation.database.ask(&sql).await else {
        panic!("no object");
    };
    let stripe = installation.sandbox.stripe();
    let (mut missing, mut other) = (0_u64, 0_u64);
    for id in stripe.ids(entity) {
        match stored.remove(&id) {
            None => missing += 1,
            Some(record) if Some(&record) != stripe.record(entity, &id).as_ref() => other += 1,
            Some(_) => {}
        }
    }
    tally.lost += missing;
    tally.demand(missing == 0, || format!("{missing} {entity} are missing"));
    tally.demand(other == 0, || {
        format!("{other} {entity} are not as the vendor has them")
    });
    tally.demand(stored.is_empty(), || {
        format!(
            "{} {entity} are stored that the vendor does not have",
            stored.len()
        )
    });
    tally
}

/// The counts an undisturbed first sync of so many records has.
pub fn created(records: u64) -> Value {
    json!({"created": records, "updated": 0, "unchanged": 0, "deleted": 0, "errors": 0, "fetched": records})
}
