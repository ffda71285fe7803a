//! Which methods each path has.

use serde_json::Value;

/// Which methods each path has.
#[derive(Debug)]
pub struct Paths(Vec<(Vec<Part>, Vec<String>)>);

#[derive(Debug)]
enum Part {
    Fixed(String),
    Any,
}

impl Paths {
    /// Those of the document, and the pages beside it.
    pub fn of(document: &Value) -> Self {
        let documented =
            document["paths"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(path, operations)| {
                    let methods = operations
                        .as_object()
                        .into_iter()
                        .flat_map(|operations| operations.keys())
                        .map(|method| method.to_uppercase())
                        .collect();
                    (parts(path), methods)
                });
        let pages = ["/docs", "/openapi.json"]
            .into_iter()
            .map(|path| (parts(path), vec!["GET".to_owned()]));
        Self(documented.chain(pages).collect())
    }

    /// The methods of a path, as the header Allow lists them.
    pub fn methods_of(&self, path: &str) -> String {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let fits = |(parts, _): &&(Vec<Part>, Vec<String>)| {
            parts.len() == segments.len()
                && parts
                    .iter()
                    .zip(&segments)
                    .all(|(part, segment)| match part {
                        Part::Fixed(name) => name == segment,
                        Part::Any => true,
                    })
        };
        let mut methods: Vec<&str> = self
            .0
            .iter()
            .filter(fits)
            .flat_map(|(_, methods)| methods.iter().map(String::as_str))
            .collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.dedup();
        methods.join(", ")
    }
}

fn parts(path: &str) -> Vec<Part> {
    path.trim_matches('/')
        .split('/')
        .map(|part| {
            if part.starts_with('{') {
                Part::Any
            } else {
                Part::Fixed(part.to_owned())
            }
        })
        .collect()
}
