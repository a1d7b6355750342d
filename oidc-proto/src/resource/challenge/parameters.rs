//! [`Builder`]: one challenge, and its parameters as quoted strings.

use crate::resource::{credentials::AuthenticationScheme, publish::OFFLINE_ACCESS};
use std::borrow::Cow;

/// One challenge (RFC 9110 section 11.6.1).
pub(super) struct Builder {
    pub(super) text: String,
    separator: &'static str,
}

impl Builder {
    pub(super) fn new(scheme: AuthenticationScheme) -> Self {
        Self { text: scheme.name().to_owned(), separator: " " }
    }

    /// Adds a parameter as a quoted string. It skips a value that cannot be quoted.
    pub(super) fn add(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value.filter(|value| is_quotable(value)) else { return };
        self.text.push_str(self.separator);
        self.text.push_str(name);
        self.text.push_str("=\"");
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                self.text.push('\\');
            }
            self.text.push(c);
        }
        self.text.push('"');
        self.separator = ", ";
    }
}

/// Returns the scopes to name in a challenge. For an MCP server, these are all but `offline_access`.
pub(super) fn scopes_to_name(scope: &str, mcp: bool) -> Option<Cow<'_, str>> {
    if !mcp || scope.split(' ').all(|one| one != OFFLINE_ACCESS) {
        return Some(scope.into());
    }
    let others: Vec<&str> = scope.split(' ').filter(|one| *one != OFFLINE_ACCESS).collect();
    (!others.is_empty()).then(|| others.join(" ").into())
}

/// Joins the scopes of two lists, and names each once.
pub(super) fn joined(first: Option<String>, second: Option<String>) -> Option<String> {
    let (mut all, second) = match (first, second) {
        (Some(first), Some(second)) => (first, second),
        (one, other) => return one.or(other),
    };
    for scope in second.split(' ') {
        if all.split(' ').all(|known| known != scope) {
            all.push(' ');
            all.push_str(scope);
        }
    }
    Some(all)
}

/// Whether a text can be a quoted string, with or without escapes.
pub(in crate::resource) fn is_quotable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
