//! Against the vendor's own examples, which are not ours to keep: without them this says so and passes.

use super::*;

/// Where the examples lie, beside the project.
const FIXTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../shared/specs/stripe/fixtures3.json"
);

#[tokio::test]
async fn stripes_own_examples_are_read_with_their_id_and_time() {
    let Ok(text) = std::fs::read_to_string(FIXTURES) else {
        println!("skipped: Stripe's examples are not here");
        return;
    };
    let fixtures: Value = serde_json::from_str(&text).unwrap();
    let of = move |entity: &str| {
        let kind = entity.strip_suffix('s').unwrap().to_owned();
        fixtures["resources"][kind].clone()
    };
    let example = of.clone();
    let server = Canned::start(move |asked| {
        let entity = asked.path().strip_prefix("/v1/").unwrap();
        listed(asked, &[of(entity)])
    })
    .await;
    let source = stripe(&server);
    let catalogue = Catalogue::embedded(&BTreeMap::new()).unwrap();
    for entity in catalogue.get("stripe").unwrap().entities() {
        let pages = walk(&source, entity, &ask(SyncMode::Full)).await.unwrap();
        let record = &pages[0].records[0];
        let example = example(entity);
        assert_eq!(
            record.external_id,
            example["id"].as_str().unwrap(),
            "{entity}"
        );
        let created = record.created_at.unwrap().timestamp();
        assert_eq!(Some(created), example["created"].as_i64(), "{entity}");
        let body: Value = serde_json::from_slice(&record.body).unwrap();
        assert_eq!(body, example, "{entity}");
    }
}
