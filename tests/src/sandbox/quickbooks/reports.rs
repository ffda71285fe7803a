//! Reports: trees of rows, summed up from the transactions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::company::Company;
use super::entity::Entity;
use super::errors::QboFault;
use super::times::{pacific, pacific_date};
use crate::sandbox::exchange::Request;
use crate::sandbox::kit::{cents, money_text};

/// Name of an account, its id and its sum in cents.
type Line = (String, String, i128);

/// A block of a report: title, group, lines.
type Section = (&'static str, &'static str, Vec<Line>);

/// The reports there are, each as it answers when nothing is asked of it.
pub(super) fn all(company: &Company, now_s: i64) -> Vec<(String, Value)> {
    let plain = Request::get("/");
    ["ProfitAndLoss", "BalanceSheet", "CashFlow"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), answer(company, name, &plain, now_s).ok()?)))
        .collect()
}

pub(super) fn answer(
    company: &Company,
    name: &str,
    request: &Request,
    now_s: i64,
) -> Result<Value, QboFault> {
    let today = pacific_date(now_s);
    let first = format!("{}-01-01", today.get(..4).unwrap_or_default());
    let from = date(request, "start_date", first)?;
    let to = date(request, "end_date", today)?;
    let basis = request.parameter("accounting_method").unwrap_or("Accrual");
    if !matches!(basis, "Accrual" | "Cash") {
        return Err(QboFault::parameter(format!("accounting_method '{basis}'")));
    }
    let within = |record: &Value| {
        record["TxnDate"]
            .as_str()
            .is_some_and(|date| (from.as_str()..=to.as_str()).contains(&date))
    };
    let sections = sections(company, name, &within)
        .ok_or_else(|| QboFault::not_in_the_sandbox(&format!("the report '{name}'")))?;
    let empty = sections.iter().all(|(_, _, lines)| lines.is_empty());
    let option = |name: &str, value: &str| json!({ "Name": name, "Value": value });
    let column = |title: &str, kind: &str, key: &str| json!({ "ColTitle": title, "ColType": kind, "MetaData": [option("ColKey", key)] });
    let rows: Vec<Value> = sections.into_iter().map(section).collect();
    Ok(json!({
        "Header": {
            "Time": pacific(now_s), "ReportName": name, "ReportBasis": basis,
            "StartPeriod": from, "EndPeriod": to, "SummarizeColumnsBy": "Total", "Currency": "USD",
            "Option": [
                option("AccountingStandard", "GAAP"),
                option("NoReportData", if empty { "true" } else { "false" }),
            ],
        },
        "Columns": { "Column": [column("", "Account", "account"), column("Total", "Money", "total")] },
        "Rows": { "Row": rows },
    }))
}

fn date(request: &Request, name: &str, default: String) -> Result<String, QboFault> {
    let Some(text) = request.parameter(name) else {
        return Ok(default);
    };
    match super::times::date_start_s(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(QboFault::parameter(format!("{name} '{text}' is no date"))),
    }
}

/// What a report consists of; `None` where the sandbox has no such report.
fn sections(
    company: &Company,
    name: &str,
    within: &dyn Fn(&Value) -> bool,
) -> Option<Vec<Section>> {
    let of_class = |class: &str| {
        let accounts = company.shelf(Entity::Account).live();
        accounts
            .filter(|account| account.body["Classification"] == class)
            .map(|account| {
                let sum = cents(&account.body["CurrentBalance"]).unwrap_or_default();
                let name = account.body["Name"].as_str().unwrap_or_default();
                (name.to_owned(), account.id.clone(), i128::from(sum))
            })
            .collect::<Vec<Line>>()
    };
    let sum = |entity: Entity| -> i128 {
        let records = company
            .shelf(entity)
            .live()
            .filter(|record| within(&record.body));
        records
            .filter_map(|record| cents(&record.body["TotalAmt"]))
            .map(i128::from)
            .sum()
    };
    Some(match name {
        "ProfitAndLoss" => {
            let sales = sum(Entity::Invoice) - sum(Entity::CreditMemo);
            let account = company.shelf(Entity::Account).get("5")?;
            let name = account.body["Name"].as_str().unwrap_or_default().to_owned();
            let sales = (sales != 0).then_some((name, account.id.clone(), sales));
            vec![
                ("Income", "Income", sales.into_iter().collect()),
                ("Expenses", "Expenses", costs(company, within)),
            ]
        }
        "BalanceSheet" => vec![
            ("ASSETS", "TotalAssets", of_class("Asset")),
            ("Liabilities", "Liabilities", of_class("Liability")),
            ("Equity", "Equity", of_class("Equity")),
        ],
        "CashFlow" => {
            let line = |name: &str, sum: i128| (name.to_owned(), String::new(), sum);
            let lines = vec![
                line("Payments received", sum(Entity::Payment)),
                line("Expenses paid", -sum(Entity::Purchase)),
            ];
            vec![("OPERATING ACTIVITIES", "OperatingActivities", lines)]
        }
        _ => return None,
    })
}

/// What bills and purchases cost, by account.
fn costs(company: &Company, within: &dyn Fn(&Value) -> bool) -> Vec<Line> {
    let mut sums: BTreeMap<String, Line> = BTreeMap::new();
    let records = [Entity::Bill, Entity::Purchase]
        .into_iter()
        .flat_map(|entity| company.shelf(entity).live())
        .filter(|record| within(&record.body));
    for line in records
        .filter_map(|record| record.body["Line"].as_array())
        .flatten()
    {
        let account = &line["AccountBasedExpenseLineDetail"]["AccountRef"];
        let text = |key: &str| account[key].as_str().unwrap_or_default().to_owned();
        let sum = sums
            .entry(text("value"))
            .or_insert_with(|| (text("name"), text("value"), 0));
        sum.2 += i128::from(cents(&line["Amount"]).unwrap_or_default());
    }
    sums.into_values().collect()
}

fn section((title, group, lines): Section) -> Value {
    let total: i128 = lines.iter().map(|(_, _, sum)| sum).sum();
    let rows: Vec<Value> = lines
        .into_iter()
        .map(|(name, id, sum)| {
            let mut account = json!({ "value": name });
            if !id.is_empty() {
                account["id"] = id.into();
            }
            json!({ "ColData": [account, { "value": money_text(sum) }], "type": "Data" })
        })
        .collect();
    let summary = json!([{ "value": format!("Total {title}") }, { "value": money_text(total) }]);
    json!({
        "Header": { "ColData": [{ "value": title }, { "value": "" }] },
        "Rows": { "Row": rows },
        "Summary": { "ColData": summary },
        "type": "Section", "group": group,
    })
}
