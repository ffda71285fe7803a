//! A master key takes another's place while everything runs.

use std::sync::Arc;

use diesel_async::SimpleAsyncConnection;
use rail_shared::domain::{ConnectionId, WebhookId};
use rail_shared::secrets::{Binding, GrantBinding, KeyRing, WebhookBinding, from_hex};
use rail_shared::store::connections;
use rail_shared::store::wrapping::{self, SecretPlace, wrap_again};
use rail_tests::harness::{Rail, text};
use rail_tests::wait::{SOON, wait_until};
use rail_worker::Worker;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const OLD: &str = "old:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const NEW: &str = "new:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
const GONE: &str = "gone:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

const GRANT: &[u8] = b"what a vendor gave";

/// What is sealed in a rail, and by which keys.
struct Sealed<'r> {
    rail: &'r Rail,
    of: Binding,
    webhook: WebhookBinding,
}

impl<'r> Sealed<'r> {
    /// A connection with a grant, and a webhook, sealed by the key of the api.
    async fn make(rail: &'r Rail) -> Self {
        let connection = rail.connect_stripe().await;
        let hook = json!({"url": "https://receiver.example/hook"});
        let hook = rail.caller.post("/webhooks", &hook).await.expect(201);
        let connection_id: ConnectionId = connection.parse().unwrap();
        let webhook_id: WebhookId = text(&hook, "webhookId").parse().unwrap();
        let tenant = "SELECT tenant_id FROM connections";
        let tenant = rail.database.ask(tenant).await;
        let tenant: uuid::Uuid = tenant.as_str().unwrap().parse().unwrap();
        let tenant_id = tenant.into();
        let sealed = Self {
            rail,
            of: Binding {
                tenant_id,
                connection_id,
            },
            webhook: WebhookBinding {
                tenant_id,
                webhook_id,
            },
        };
        sealed.grant(OLD).await;
        sealed
    }

    /// Gives the connection a grant that this key wraps.
    async fn grant(&self, key: &str) {
        let grant = ring(key).seal(GRANT, GrantBinding(self.of));
        let hex: String = grant
            .envelope
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let insert = format!(
            "DELETE FROM grants;
             INSERT INTO grants (connection_id, tenant_id, sealed, sealed_by) VALUES ('{}', '{}', '\\x{hex}', '{}')",
            self.of.connection_id.uuid(),
            self.of.tenant_id.uuid(),
            grant.by
        );
        self.rail.database.run(&insert).await;
    }

    /// How many secrets each key wraps.
    async fn keys(&self) -> Value {
        let keys = "SELECT jsonb_object_agg(sealed_by, count) FROM (
                        SELECT sealed_by, count(*) FROM (
                            SELECT sealed_by FROM connections UNION ALL SELECT sealed_by FROM grants
                            UNION ALL SELECT sealed_by FROM webhooks) all_of_them
                        WHERE sealed_by IS NOT NULL GROUP BY sealed_by) counted";
        self.rail.database.ask(keys).await
    }

    /// The same, as operators are told.
    async fn uses(&self) -> Vec<(String, i64)> {
        let store = self.rail.database.store();
        let uses = wrapping::uses(&mut store.connect().await.unwrap()).await;
        let uses = uses.unwrap().into_iter().filter(|of| of.kept > 0);
        uses.map(|of| (of.key, of.kept)).collect()
    }

    /// All that is sealed, opened by these keys.
    async fn opened(&self, keys: &str) -> [Vec<u8>; 3] {
        let ring = ring(keys);
        let envelope = async |sql: &str| {
            let row = self.rail.database.ask(sql).await;
            let envelope = from_hex(text(&row, "sealed").strip_prefix("\\x").unwrap()).unwrap();
            (envelope, text(&row, "sealed_by").to_owned())
        };
        let row = "SELECT jsonb_build_object('sealed', sealed_credentials, 'sealed_by', sealed_by) FROM connections";
        let (credentials, by) = envelope(row).await;
        let credentials = ring.open(&credentials, &by, self.of).unwrap();
        let row = "SELECT jsonb_build_object('sealed', sealed, 'sealed_by', sealed_by) FROM grants";
        let (grant, by) = envelope(row).await;
        let grant = ring.open(&grant, &by, GrantBinding(self.of)).unwrap();
        let row =
            "SELECT jsonb_build_object('sealed', sealed, 'sealed_by', sealed_by) FROM webhooks";
        let (webhook, by) = envelope(row).await;
        let webhook = ring.open(&webhook, &by, self.webhook).unwrap();
        [credentials, grant, webhook]
    }
}

fn ring(keys: &str) -> KeyRing {
    KeyRing::parse(keys).unwrap()
}

/// A worker with these master keys, until the token is cancelled.
fn start(rail: &Rail, keys: &str) -> CancellationToken {
    let stop = CancellationToken::new();
    let worker = Worker {
        key_ring: Arc::new(ring(keys)),
        ..rail.worker()
    };
    tokio::spawn(worker.run(stop.clone()));
    stop
}

async fn rail_of(keys: &str) -> Rail {
    Rail::builder()
        .variable("RAIL_MASTER_KEYS", keys)
        .workers(0)
        .start()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_wrapped_by_the_first_key_and_the_other_is_not_needed_any_more() {
    let rail = rail_of(OLD).await;
    let sealed = Sealed::make(&rail).await;
    let before = sealed.opened(OLD).await;
    let connection = "SELECT jsonb_build_array(version, updated_at) FROM connections";
    let unchanged = rail.database.ask(connection).await;
    assert_eq!(sealed.keys().await, json!({"old": 3}));

    let both = start(&rail, &format!("{NEW},{OLD}"));
    wait_until(SOON, "the new key wraps all", async || {
        sealed.keys().await == json!({"new": 3})
    })
    .await;
    both.cancel();

    assert_eq!(sealed.opened(NEW).await, before);
    assert_eq!(before[1], GRANT);
    assert_eq!(sealed.uses().await, [("new".to_owned(), 3)]);
    assert_eq!(rail.database.ask(connection).await, unchanged);
    let only_new = start(&rail, NEW);
    let connection = sealed.of.connection_id.to_string();
    let sync = rail.sync(&connection, &json!({"mode": "FULL"})).await;
    assert_eq!(sync["status"], "COMPLETED", "{sync}");
    only_new.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_whose_key_is_missing_stays_as_it_is_and_holds_up_no_other() {
    let rail = rail_of(OLD).await;
    let sealed = Sealed::make(&rail).await;
    sealed.grant(GONE).await;
    let stop = start(&rail, &format!("{NEW},{OLD}"));
    wait_until(SOON, "the new key wraps what can be opened", async || {
        sealed.keys().await == json!({"gone": 1, "new": 2})
    })
    .await;
    stop.cancel();
    let [_, grant, _] = sealed.opened(&format!("{NEW},{GONE}")).await;
    assert_eq!(grant, GRANT);
    let uses = [("gone".to_owned(), 1), ("new".to_owned(), 2)];
    assert_eq!(sealed.uses().await, uses);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_gone_through_one_by_one_and_what_somebody_holds_is_left_for_the_next_time() {
    let rail = rail_of(OLD).await;
    let sealed = Sealed::make(&rail).await;
    for _ in 0..2 {
        rail.connect_stripe().await;
    }
    // Claimed to be fetched, and not there yet.
    let claimed = "UPDATE grants SET sealed = NULL, sealed_by = NULL";
    rail.database.run(claimed).await;
    let held = "SELECT sealed_credentials FROM connections ORDER BY id LIMIT 1";
    let before = rail.database.ask(held).await;
    let store = rail.database.store();
    let mut holder = rail.database.unhurried().begin().await.unwrap();
    let change = "UPDATE connections SET name = 'changed' WHERE id = (SELECT id FROM connections ORDER BY id LIMIT 1)";
    holder.batch_execute(change).await.unwrap();

    let mut conn = store.connect().await.unwrap();
    let both = ring(&format!("{NEW},{OLD}"));
    let mut place = Some(SecretPlace::default());
    let (mut steps, mut again) = (0, 0);
    while let Some(from) = place {
        let wrapped = wrap_again(&mut conn, &both, from, 1).await.unwrap();
        assert!(wrapped.lost.is_empty() && wrapped.again <= 1);
        (place, steps, again) = (wrapped.next, steps + 1, again + wrapped.again);
    }
    // Each of three connections, one grant and one webhook, and each time that there are no more.
    assert_eq!((steps, again), (8, 3));
    holder.commit().await.unwrap();
    assert_eq!(rail.database.ask(held).await, before);
    assert_eq!(sealed.keys().await, json!({"old": 1, "new": 3}));

    let wrapped = wrap_again(&mut conn, &both, SecretPlace::default(), 200).await;
    assert_eq!(wrapped.unwrap().again, 1);
    let uses = [("new".to_owned(), 4)];
    assert_eq!(sealed.uses().await, uses);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_a_vendor_refuses_are_the_same_under_another_key() {
    let rail = rail_of(OLD).await;
    let sealed = Sealed::make(&rail).await;
    let store = rail.database.store();
    let mut conn = store.connect().await.unwrap();
    let of = sealed.of;
    let found = connections::find(&mut conn, of.tenant_id, of.connection_id).await;
    let used = found.unwrap().unwrap().sealed_credentials;
    let both = ring(&format!("{NEW},{OLD}"));
    let wrapped = wrap_again(&mut conn, &both, SecretPlace::default(), 200).await;
    assert_eq!(wrapped.unwrap().again, 1);

    let other = ring(NEW).seal(b"{}", of).envelope;
    let mut refused = async |envelope: &[u8]| {
        let id = of.connection_id;
        connections::reject_credentials(&mut conn, id, envelope, "no").await
    };
    assert!(!refused(&other).await.unwrap(), "they were replaced");
    assert!(refused(&used).await.unwrap());
    let status = "SELECT status FROM connections";
    assert_eq!(rail.database.ask(status).await, "REAUTH_REQUIRED");
}
