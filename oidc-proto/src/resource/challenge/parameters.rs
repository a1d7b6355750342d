//! [`Builder`]: one challenge, and its parameters as quoted strings.

use crate::resource::credentials::AuthenticationScheme;

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

/// Whether a text can be a quoted string, with or without escapes.
pub(in crate::resource) fn is_quotable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
