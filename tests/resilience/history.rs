//! Reads, after every scenario, what the database says has happened, and finds what must not have.

use rail_shared::domain::SyncId;
use rail_tests::processes::Installation;
use serde_json::Value;

use crate::tally::Tally;

/// A question whose answer, a list, is to be empty.
struct Rule {
    broken_when: &'static str,
    sql: &'static str,
}

const DUPLICATES: &[Rule] = &[
    Rule {
        broken_when: "two attempts of one job overlap",
        sql: "SELECT a.job_id FROM job_attempts a JOIN job_attempts b ON b.job_id = a.job_id AND b.fence > a.fence
              WHERE a.ended_at IS NULL OR a.ended_at > b.started_at",
    },
    Rule {
        broken_when: "a completed job has not exactly one attempt that did it, its last",
        sql: "SELECT id FROM jobs JOIN job_attempts ON job_id = id GROUP BY id
              HAVING count(*) FILTER (WHERE outcome = 'DONE') <> (state = 'COMPLETED')::int
                  OR bool_or(outcome = 'DONE' AND job_attempts.fence <> jobs.fence)",
    },
    Rule {
        broken_when: "a connection has two active syncs",
        sql: "SELECT connection_id FROM jobs WHERE kind = 'sync' AND state IN ('QUEUED', 'RUNNING')
              GROUP BY connection_id HAVING count(*) > 1",
    },
];

const STUCK: &[Rule] = &[Rule {
    broken_when: "a job is overdue and nobody takes it",
    sql: "SELECT id FROM jobs WHERE (state = 'QUEUED' AND due_at < now() - interval '10 seconds')
                                 OR (state = 'RUNNING' AND lease_until < now() - interval '10 seconds')",
}];

const LOST: &[Rule] = &[
    Rule {
        broken_when: "a completed sync has an entity that is not complete",
        sql: "SELECT sync_id FROM sync_entities JOIN jobs ON id = sync_id WHERE state = 'COMPLETED' AND NOT complete",
    },
    Rule {
        broken_when: "a stream holds other records than its syncs counted",
        sql: "SELECT s.id FROM streams s JOIN sync_entities e ON e.entity = s.entity
              JOIN syncs y ON y.id = e.sync_id AND y.connection_id = s.connection_id AND y.mode <> 'SNAPSHOT' GROUP BY s.id
              HAVING sum(e.created - e.deleted - e.vanished)
                  <> (SELECT count(*) FROM records r WHERE r.stream_id = s.id AND r.deleted_at IS NULL)",
    },
    Rule {
        broken_when: "a snapshot is there and holds other records than its sync counted",
        sql: "SELECT e.sync_id, e.entity FROM snapshots n JOIN jobs j ON j.id = n.id AND j.state = 'COMPLETED'
              JOIN sync_entities e ON e.sync_id = n.id
              LEFT JOIN streams s ON s.connection_id = n.connection_id AND s.entity = e.entity
              LEFT JOIN snapshot_parts p ON p.snapshot_id = n.id AND p.stream_id = s.id
              WHERE p.digest IS NULL OR p.records <> e.created - e.deleted
                 OR p.records <> (SELECT count(*) FROM snapshot_records r WHERE r.part_no = p.no)",
    },
    Rule {
        broken_when: "the bytes of a record of a snapshot are lost",
        sql: "SELECT s.part_no, s.external_id FROM snapshot_records s JOIN snapshot_parts p ON p.no = s.part_no
              WHERE NOT EXISTS (SELECT FROM records r WHERE r.stream_id = p.stream_id
                                AND r.external_id = s.external_id AND r.fingerprint = s.fingerprint)
                AND NOT EXISTS (SELECT FROM record_versions v WHERE v.stream_id = p.stream_id
                                AND v.external_id = s.external_id AND v.fingerprint = s.fingerprint)",
    },
];

const WRONG: &[Rule] = &[
    Rule {
        broken_when: "the fences of a job do not rise by one from one",
        sql: "SELECT id FROM jobs JOIN job_attempts ON job_id = id GROUP BY id
              HAVING min(job_attempts.fence) <> 1 OR max(job_attempts.fence) <> jobs.fence OR count(*) <> jobs.fence",
    },
    Rule {
        broken_when: "an attempt is open and its job does not run, or the other way round",
        sql: "SELECT id FROM jobs LEFT JOIN job_attempts ON job_id = id GROUP BY id
              HAVING count(*) FILTER (WHERE job_id IS NOT NULL AND ended_at IS NULL) <> (state = 'RUNNING')::int",
    },
    Rule {
        broken_when: "an attempt was taken over before its lease had run out",
        sql: "SELECT job_id FROM job_attempts
              WHERE outcome = 'LEASE_LOST' AND ended_at - started_at < interval '4.9 seconds'",
    },
    Rule {
        broken_when: "the counts of an entity do not add up to what was fetched",
        sql: "SELECT sync_id FROM sync_entities WHERE fetched <> created + updated + unchanged + deleted + errors",
    },
    Rule {
        broken_when: "a sync counted other errors than are listed",
        sql: "SELECT sync_id FROM sync_entities c WHERE errors <> (SELECT count(*) FROM sync_record_errors l
              JOIN record_errors e ON e.id = l.error_id JOIN streams s ON s.id = e.stream_id
              WHERE l.sync_id = c.sync_id AND s.entity = c.entity)",
    },
    Rule {
        broken_when: "more records were last changed by a sync than it counted",
        sql: "SELECT e.sync_id FROM sync_entities e JOIN syncs y ON y.id = e.sync_id
              JOIN streams s ON s.connection_id = y.connection_id AND s.entity = e.entity
              WHERE (SELECT count(*) FROM records r WHERE r.stream_id = s.id AND r.deleted_at IS NULL
                     AND r.change_set IN (SELECT id FROM change_sets c WHERE c.sync_id = e.sync_id))
                  > e.created + e.updated",
    },
    Rule {
        broken_when: "the change sets of an entity have a gap",
        // Those that were pruned are missing on purpose.
        sql: "SELECT k.entity FROM change_counters k LEFT JOIN change_sets c
                  ON c.tenant_id = k.tenant_id AND c.entity = k.entity AND c.seq > k.pruned_to
              GROUP BY k.tenant_id, k.entity HAVING count(c.seq) <> k.last_seq - k.pruned_to",
    },
    Rule {
        broken_when: "a record belongs to a change set that is not there",
        sql: "SELECT external_id FROM records r
              WHERE NOT EXISTS (SELECT FROM change_sets c WHERE c.id = r.change_set AND c.stream_id = r.stream_id)",
    },
];

const EVENTS: &[Rule] = &[
    Rule {
        broken_when: "the sequence of a tenant's events has a gap",
        sql: "SELECT tenant_id FROM events GROUP BY tenant_id HAVING count(*) <> max(seq) OR min(seq) <> 1",
    },
    Rule {
        broken_when: "a sync was not told to have started once and ended once, as it did",
        sql: "SELECT jobs.id, state FROM jobs LEFT JOIN events ON subject_id = jobs.id WHERE kind = 'sync' GROUP BY jobs.id
              HAVING count(*) FILTER (WHERE type = 'integration.sync.started') <> (started_at IS NOT NULL)::int
                  OR count(*) FILTER (WHERE type = 'integration.sync.' || lower(state)) <> (finished_at IS NOT NULL)::int
                  OR count(events.id) <> (started_at IS NOT NULL)::int + (finished_at IS NOT NULL)::int",
    },
];

/// Checks everything, and that every sync somebody got a 202 for (by its id as callers see it) is there.
pub async fn check(installation: &Installation, accepted: &[String]) -> Tally {
    let mut tally = Tally::default();
    tally.duplicated += broken(installation, DUPLICATES, &mut tally.wrong).await;
    tally.stuck += broken(installation, STUCK, &mut tally.wrong).await;
    tally.lost += broken(installation, LOST, &mut tally.wrong).await;
    broken(installation, WRONG, &mut tally.wrong).await;
    broken(installation, EVENTS, &mut tally.wrong).await;
    let ids: Vec<String> = accepted
        .iter()
        .map(|id| format!("'{}'", uuid_of(id)))
        .collect();
    if !ids.is_empty() {
        let sql = format!("SELECT count(*) FROM jobs WHERE id IN ({})", ids.join(","));
        let there = installation.database.ask(&sql).await;
        let missing = (ids.len() as u64).saturating_sub(there.as_u64().unwrap_or(0));
        tally.lost += missing;
        tally.demand(missing == 0, || {
            format!("{missing} of {} accepted jobs have no row", ids.len())
        });
    }
    tally
}

/// The same where every job must have completed: whatever did not is lost.
pub async fn check_all_completed(installation: &Installation, accepted: &[String]) -> Tally {
    let mut tally = check(installation, accepted).await;
    let sql =
        "SELECT jsonb_agg(jsonb_build_object('id', id, 'state', state, 'error', error)) FROM jobs
               WHERE state <> 'COMPLETED'";
    if let Value::Array(others) = installation.database.ask(sql).await {
        tally.lost += others.len() as u64;
        let first = &others[0];
        tally.wrong.push(format!(
            "{} jobs did not complete, such as {first}",
            others.len()
        ));
    }
    tally
}

/// A sync's id as Postgres writes it.
pub fn uuid_of(sync: &str) -> String {
    let id: SyncId = sync.parse().expect("the id of a sync");
    id.uuid().to_string()
}

async fn broken(installation: &Installation, rules: &[Rule], wrong: &mut Vec<String>) -> u64 {
    let mut offenders = 0;
    for rule in rules {
        let sql = format!(
            "SELECT jsonb_agg(to_jsonb(offender)) FROM ({}) AS offender",
            rule.sql
        );
        if let Value::Array(found) = installation.database.ask(&sql).await {
            offenders += found.len() as u64;
            let first = &found[0];
            wrong.push(format!(
                "{} times: {}, such as {first}",
                found.len(),
                rule.broken_when
            ));
        }
    }
    offenders
}
