//! A connector in words, for whoever writes its file.

use super::connector::Connector;
use super::file::{Changes, Paging, Under};
use super::objects::{OBJECTS, ROWS};
use super::rules::EntityRules;

impl Connector {
    /// What was understood of its file, a line for each entity.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let definition = self.definition();
        match (&definition.reading, &definition.store) {
            (Some(reading), _) => {
                let others = definition.others.as_ref().map(|others| {
                    let (like, expects) = (others.like(), others.told().expects);
                    format!("any other, by its name ({expects}): like {like}")
                });
                reading
                    .entities
                    .iter()
                    .map(of_entity)
                    .chain(others)
                    .collect()
            }
            (None, Some(_)) => vec![
                format!("{OBJECTS}: the listing of a bucket"),
                format!("{ROWS}: the records in its files"),
            ],
            (None, None) => self
                .entities()
                .map(|name| format!("{name}: named only"))
                .collect(),
        }
    }
}

fn of_entity(rules: &EntityRules) -> String {
    let under = match &rules.under {
        Some(Under::Entity(above)) => format!(" under each of {above}"),
        Some(Under::Each(each)) => format!(" under each of {}", each.join(", ")),
        None => String::new(),
    };
    let removed = match rules.removed {
        Some(_) => ", and a list of what was removed",
        None => "",
    };
    let window = match rules.window {
        Some(_) => "by date too",
        None => "not by date",
    };
    let item = match rules.item {
        Some(_) => "one by one too",
        None => "never one by one",
    };
    format!(
        "{}: {}{under}; pages: {}; changes: {}{removed}; {window}; {item}",
        rules.name,
        rules.list.path,
        paging(&rules.list.paging),
        changes(&rules.changes),
    )
}

const fn paging(paging: &Paging) -> &'static str {
    match paging {
        Paging::None {} => "one",
        Paging::Page { .. } => "by number",
        Paging::Offset { .. } => "by count",
        Paging::Token { .. } => "by a token of the answer",
        Paging::AfterLastId { .. } => "after the last id",
        Paging::NextUrl { .. } => "by a URL of the answer",
        Paging::LinkHeader {} => "by the Link header",
        Paging::NextLink { .. } => "by a link of the answer",
        Paging::ByTime { .. } => "by the time of the last change",
    }
}

const fn changes(changes: &Changes) -> &'static str {
    match changes {
        Changes::Feed { .. } => "the feed",
        Changes::Updated {} => "what changed since",
        Changes::Cursor { .. } => "the vendor's own cursor",
        Changes::Created { .. } => "what was created since",
        Changes::WholeList { .. } => "the whole list each time",
    }
}
