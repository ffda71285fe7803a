//! What `./dev test` tells the suites: the one place where they read the environment.

/// The value of a variable, if it is set.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "how ./dev test says where its servers are, and whoever starts it what to run"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The same for what no suite can do without.
///
/// # Panics
/// When it is not set.
#[must_use]
pub fn required(name: &str) -> String {
    variable(name).unwrap_or_else(|| panic!("{name} is not set: run this by ./dev test"))
}
