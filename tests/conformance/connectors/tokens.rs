//! What a vendor's refusal of the access token leads to: one renewal where tokens can be renewed, and no other try.

use rail_tests::sandbox::Rule;

use super::*;

const REFUSED: Fault = Fault::Status { status: 401 };

impl Bench {
    /// What is asked once for each new token; `None` of a vendor whose keys are good until somebody replaces them.
    fn renewed_at(&self) -> Option<&'static str> {
        match self.id {
            "paypal" => Some("/v1/oauth2/token"),
            "quickbooks" => Some("/oauth2/v1/tokens/bearer"),
            "salesforce" => Some("/services/oauth2/token"),
            // Of the three requests for a user's token.
            "tink" => Some("/api/v1/oauth/authorization-grant"),
            "xero" => Some("/connect/token"),
            _ => None,
        }
    }

    fn mutate(&self, mutation: Mutation) {
        self.sandbox.vendor().mutate(mutation).unwrap();
    }

    fn fail(&self, path: &str, fault: Fault) {
        self.sandbox
            .faults()
            .add(Rule::new(fault).on(path).always());
    }

    fn asked(&self, path: &str) -> u64 {
        self.sandbox.requests().count(path)
    }

    /// Reads the first page of an entity once; the path that was asked for it, with everything before forgotten.
    async fn begun(&self, source: &Source, entity: &str) -> (Cursor, String) {
        let cursor = source.plan(entity, &full()).unwrap();
        source.read(entity, &cursor).await.unwrap();
        let requests = self.sandbox.requests();
        let path = requests.all().pop().unwrap().path;
        requests.clear();
        (cursor, path)
    }
}

fn ids(page: &Page) -> impl Iterator<Item = String> {
    let records = page.records.iter();
    records.map(|record| record.external_id.clone())
}

#[tokio::test]
async fn a_token_that_ends_while_an_entity_is_read_is_renewed_once_and_no_record_is_lost_or_repeated()
 {
    for bench in Bench::all() {
        let Some(endpoint) = bench.renewed_at() else {
            continue;
        };
        for entity in bench.entities() {
            let what = format!("{} {entity}", bench.id);
            let source = bench.source();
            let undisturbed = walk(&source, &entity, &full()).await;
            let middle = undisturbed.len() / 2;
            bench.sandbox.requests().clear();
            let (mut found, mut pages) = (Vec::new(), 0);
            let mut cursor = Some(source.plan(&entity, &full()).unwrap());
            while let Some(here) = cursor {
                if pages == middle {
                    bench.mutate(Mutation::ExpireTokens);
                }
                let page = source.read(&entity, &here).await.unwrap();
                found.extend(ids(&page));
                cursor = page.next;
                pages += 1;
                assert!(pages <= undisturbed.len(), "{what}: a walk without end");
            }
            let expected: Vec<String> =
                undisturbed.iter().flat_map(|(_, page)| ids(page)).collect();
            assert_eq!(found, expected, "{what}");
            assert_eq!(bench.asked(endpoint), 1, "{what}: renewals");
            let requests = bench.sandbox.requests().all();
            let refused = requests.iter().filter(|asked| asked.status == Some(401));
            assert_eq!(refused.count(), 1, "{what}: refusals");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_a_new_token_does_not_end_counts_and_nothing_is_asked_again() {
    for bench in Bench::all() {
        for entity in bench.entities() {
            let source = bench.source();
            let (cursor, path) = bench.begun(&source, &entity).await;
            bench.fail(&path, REFUSED);
            let failure = source.read(&entity, &cursor).await.unwrap_err();
            bench.sandbox.faults().clear();
            let what = format!("{} {entity}: {failure:?}", bench.id);
            // What makes a connection REAUTH_REQUIRED.
            assert_eq!(failure.kind, FailureKind::CredentialsRejected, "{what}");
            assert!(!failure.retryable, "{what}");
            let tries = match bench.renewed_at() {
                Some(endpoint) => {
                    assert_eq!(bench.asked(endpoint), 1, "{what}: renewals");
                    2
                }
                None => 1,
            };
            assert_eq!(bench.asked(&path), tries, "{what}");
        }
    }
}

#[tokio::test]
async fn where_no_new_token_is_given_nothing_is_read_and_no_other_is_asked_for() {
    for bench in Bench::all() {
        let Some(endpoint) = bench.renewed_at() else {
            continue;
        };
        let entity = bench.entities().remove(0);
        let source = bench.source();
        let (cursor, path) = bench.begun(&source, &entity).await;
        let connector = bench.catalogue.get(bench.id).unwrap();
        if connector.asks_for_consent() {
            // Whoever consented takes it back.
            bench.mutate(Mutation::RevokeTokens);
        } else {
            bench.mutate(Mutation::ExpireTokens);
            bench.fail(endpoint, REFUSED);
        }
        let failure = source.read(&entity, &cursor).await.unwrap_err();
        let what = format!("{} {failure:?}", bench.id);
        assert_eq!(failure.kind, FailureKind::CredentialsRejected, "{what}");
        assert!(!failure.retryable, "{what}");
        assert_eq!(
            (bench.asked(&path), bench.asked(endpoint)),
            (1, 1),
            "{what}"
        );
    }
}

#[tokio::test]
async fn keys_that_may_not_do_something_are_refused_at_once() {
    for bench in Bench::all().filter(|bench| bench.renewed_at().is_none()) {
        let entity = bench.entities().remove(0);
        let source = bench.source();
        let (cursor, path) = bench.begun(&source, &entity).await;
        bench.fail(&path, Fault::Status { status: 403 });
        let failure = source.read(&entity, &cursor).await.unwrap_err();
        let what = format!("{} {failure:?}", bench.id);
        let kinds = [
            FailureKind::CredentialsRejected,
            FailureKind::PermissionDenied,
        ];
        assert!(
            kinds.contains(&failure.kind) && !failure.retryable,
            "{what}"
        );
        assert_eq!(bench.sandbox.requests().all().len(), 1, "{what}");
    }
}
