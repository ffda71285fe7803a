use super::*;

fn send(salesforce: &Salesforce, method: Method, path: &str, sent: &Value) -> Answer {
    let mut asked = request(salesforce, path);
    asked.method = method;
    if !sent.is_null() {
        asked.body = sent.to_string().into();
    }
    salesforce.answer(&asked, None)
}

fn made(salesforce: &Salesforce, operation: &str, soql: &str) -> Result<String, String> {
    let sent = json!({ "operation": operation, "query": soql });
    let told = outcome(&send(salesforce, Method::POST, "jobs/query", &sent))?;
    assert_eq!(told["state"], "UploadComplete");
    Ok(format!("jobs/query/{}", told["id"].as_str().unwrap()))
}

fn done(salesforce: &Salesforce, job: &str) -> Value {
    let states = [(); 2].map(|()| get(salesforce, job).unwrap());
    assert_eq!(states[0]["state"], "InProgress");
    assert_eq!(states[1]["state"], "JobComplete");
    states[1].clone()
}

#[test]
fn a_job_is_waited_for_and_read_in_parts() {
    let salesforce = org(25);
    salesforce.shrink_results(10);
    let job = made(
        &salesforce,
        "query",
        "SELECT Id, CreatedDate, Credit_Limit__c, ParentId, Description FROM Account",
    )
    .unwrap();
    let early = send(
        &salesforce,
        Method::GET,
        &format!("{job}/results"),
        &Value::Null,
    );
    assert_eq!(outcome(&early).unwrap_err(), "INVALIDJOBSTATE");
    assert_eq!(done(&salesforce, &job)["numberRecordsProcessed"], 25);
    let (mut seen, mut locator) = (Vec::new(), String::new());
    loop {
        let part = send(
            &salesforce,
            Method::GET,
            &format!("{job}/results?maxRecords=100{locator}"),
            &Value::Null,
        );
        let mut rows = csv::Reader::from_reader(part.body.as_ref());
        let titles: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(
            titles,
            [
                "Id",
                "CreatedDate",
                "Credit_Limit__c",
                "ParentId",
                "Description"
            ]
        );
        let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
        assert_eq!(
            part.headers["sforce-numberofrecords"],
            rows.len().to_string().as_str()
        );
        assert!(
            rows.iter().all(|row| row[1].ends_with(".000Z")),
            "files have times of another form"
        );
        seen.extend(rows.iter().map(|row| row[0].to_owned()));
        match part.headers["sforce-locator"].to_str().unwrap() {
            "null" => break,
            next => locator = format!("&locator={next}"),
        }
    }
    assert_eq!(seen, salesforce.ids("accounts"));
}

#[test]
fn a_job_looks_into_the_bin_when_it_is_told_to() {
    let salesforce = org(6);
    let id = salesforce.ids("accounts")[0].clone();
    delete(&salesforce, "accounts", &id);
    let soql = "SELECT Id FROM Account WHERE IsDeleted = true";
    let job = made(&salesforce, "queryAll", soql).unwrap();
    assert_eq!(done(&salesforce, &job)["numberRecordsProcessed"], 1);
    let job = made(&salesforce, "query", soql).unwrap();
    assert_eq!(done(&salesforce, &job)["numberRecordsProcessed"], 0);
    let results = send(
        &salesforce,
        Method::GET,
        &format!("{job}/results"),
        &Value::Null,
    );
    assert_eq!(results.body, "\"Id\"\n");
}

#[test]
fn files_hold_no_objects_and_no_counts() {
    let salesforce = org(1);
    for soql in [
        "SELECT Id, BillingAddress FROM Account",
        "SELECT COUNT() FROM Account",
    ] {
        assert_eq!(
            made(&salesforce, "query", soql).unwrap_err(),
            "API_ERROR",
            "{soql}"
        );
    }
    assert_eq!(
        made(&salesforce, "query", "SELECT Foo FROM Account").unwrap_err(),
        "INVALID_FIELD"
    );
    assert_eq!(
        made(&salesforce, "insert", "SELECT Id FROM Account").unwrap_err(),
        "INVALIDJOB"
    );
}

#[test]
fn a_job_is_aborted_while_it_runs_and_deleted_when_it_does_not() {
    let salesforce = org(1);
    let job = made(&salesforce, "query", "SELECT Id FROM Account").unwrap();
    let early = send(&salesforce, Method::DELETE, &job, &Value::Null);
    assert_eq!(outcome(&early).unwrap_err(), "INVALIDJOBSTATE");
    let aborted = send(
        &salesforce,
        Method::PATCH,
        &job,
        &json!({ "state": "Aborted" }),
    );
    assert_eq!(body(&aborted)["state"], "Aborted");
    assert_eq!(get(&salesforce, &job).unwrap()["state"], "Aborted");
    assert_eq!(
        send(&salesforce, Method::DELETE, &job, &Value::Null).status,
        204
    );
    assert_eq!(get(&salesforce, &job).unwrap_err(), "NOT_FOUND");
}
