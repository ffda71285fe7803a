//! Names of files that tell what is in them: a path with placeholders, filled in for each file of a run.

use chrono::NaiveDate;

use super::RunId;

/// A path in which `{name}`, `{runId}`, `{date}` and `{entity}` stand for what a file is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Filled(Placeholder),
}

/// What can be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The export's name; what is neither a letter, a digit, `.`, `_` nor `-` becomes `-`.
    Name,
    /// The run's id: no two runs share a file.
    RunId,
    /// The day on which the run was asked for, `2025-01-31`, by the clock of the export's schedule.
    Date,
    /// The entity in the file.
    Entity,
}

/// What a file is of.
#[derive(Debug, Clone, Copy)]
pub struct FileOf<'a> {
    /// The export's name.
    pub name: &'a str,
    /// The run.
    pub run: RunId,
    /// Its day.
    pub date: NaiveDate,
    /// The entity.
    pub entity: &'a str,
}

impl Placeholder {
    const ALL: [(&'static str, Self); 4] = [
        ("{name}", Self::Name),
        ("{runId}", Self::RunId),
        ("{date}", Self::Date),
        ("{entity}", Self::Entity),
    ];
}

impl PathTemplate {
    /// Reads a path; braces that are no placeholder mean themselves.
    #[must_use]
    pub fn new(path: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = path;
        while let Some((at, spelled, placeholder)) = first_in(rest) {
            if at > 0 {
                pieces.push(Piece::Literal(rest[..at].to_owned()));
            }
            pieces.push(Piece::Filled(placeholder));
            rest = &rest[at + spelled.len()..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Self(pieces)
    }

    /// Reads a path that somebody just wrote.
    ///
    /// # Errors
    /// What is wrong with it: a brace that belongs to no placeholder.
    pub fn parse(path: &str) -> Result<Self, String> {
        let template = Self::new(path);
        let stray =
            |piece: &Piece| matches!(piece, Piece::Literal(text) if text.contains(['{', '}']));
        if template.0.iter().any(stray) {
            let known = Placeholder::ALL.map(|(spelled, _)| spelled).join(", ");
            return Err(format!("Braces stand around a placeholder only: {known}."));
        }
        Ok(template)
    }

    /// Whether it says this of a file.
    #[must_use]
    pub fn tells(&self, placeholder: Placeholder) -> bool {
        self.0.contains(&Piece::Filled(placeholder))
    }

    /// The path of a file.
    #[must_use]
    pub fn fill(&self, file: FileOf<'_>) -> String {
        let filled = |piece: &Piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Filled(Placeholder::Name) => plain(file.name),
            Piece::Filled(Placeholder::RunId) => file.run.to_string(),
            Piece::Filled(Placeholder::Date) => file.date.to_string(),
            Piece::Filled(Placeholder::Entity) => plain(file.entity),
        };
        self.0.iter().map(filled).collect()
    }
}

/// Splits a path before the first part that holds a placeholder: what is the same for every run, and the rest.
#[must_use]
pub fn fixed_part(path: &str) -> (&str, &str) {
    let Some((at, ..)) = first_in(path) else {
        return (path, "");
    };
    path.split_at(path[..at].rfind('/').map_or(0, |slash| slash + 1))
}

fn first_in(text: &str) -> Option<(usize, &'static str, Placeholder)> {
    Placeholder::ALL
        .into_iter()
        .filter_map(|(spelled, placeholder)| Some((text.find(spelled)?, spelled, placeholder)))
        .min_by_key(|(at, ..)| *at)
}

/// What can be one part of a path on every store.
fn plain(text: &str) -> String {
    let plain = |c: char| match c.is_alphanumeric() || matches!(c, '.' | '_' | '-') {
        true => c,
        false => '-',
    };
    let plain: String = text.chars().map(plain).collect();
    // Dots alone would lead elsewhere.
    match plain.trim_start_matches('.') {
        "" => "-".to_owned(),
        _ => plain,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const RUN: uuid::Uuid = uuid::Uuid::from_u128(7);

    fn fill(template: &str, name: &str, entity: &str) -> String {
        PathTemplate::parse(template).unwrap().fill(FileOf {
            name,
            run: RUN.into(),
            date: "2025-01-31".parse().unwrap(),
            entity,
        })
    }

    #[test]
    fn placeholders_say_what_a_file_is_of() {
        assert_eq!(
            fill(
                "{name}/{date}/{entity}-{runId}",
                "Monthly Export",
                "customers"
            ),
            format!("Monthly-Export/2025-01-31/customers-{}", RunId::from(RUN))
        );
        assert_eq!(fill("plain", "x", "y"), "plain");
        assert_eq!(fill("{entity}{entity}", "x", "y"), "yy");
    }

    #[test]
    fn a_name_cannot_lead_out_of_its_place() {
        assert_eq!(fill("{name}", "../../etc", "x"), "..-..-etc");
        for dots in [".", "..", "..."] {
            assert_eq!(fill("{name}", dots, "x"), "-");
        }
        assert_eq!(fill("{name}", "a/b\\c\0", "x"), "a-b-c-");
        assert_eq!(fill("{name}", "Verträge 日本", "x"), "Verträge-日本");
        assert_eq!(fill("{name}", "{runId}", "x"), "-runId-");
    }

    #[test]
    fn a_brace_without_a_placeholder_is_refused() {
        for path in ["{", "a}", "{run}", "{RUNID}", "{{name}}", "{entity"] {
            assert!(PathTemplate::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn what_is_the_same_for_every_run_ends_before_the_first_placeholder() {
        assert_eq!(fixed_part("a/b"), ("a/b", ""));
        assert_eq!(fixed_part("a/b-{date}/c"), ("a/", "b-{date}/c"));
        assert_eq!(fixed_part("{name}"), ("", "{name}"));
        assert_eq!(fixed_part(""), ("", ""));
    }
}
