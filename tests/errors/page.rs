//! [`Page`]: the texts, in the order in which they are read.

use oidc_proto::Remedy;
use std::{collections::BTreeSet, fmt};

/// What the page says of an error: its code, who can do what about it, and its text.
pub(crate) struct Said {
    pub(crate) code: &'static str,
    pub(crate) remedy: Option<Remedy>,
    pub(crate) text: String,
}

/// One line of the page that has a text.
pub(crate) struct Line {
    pub(crate) part: String,
    pub(crate) said: Said,
}

#[derive(Default)]
pub(crate) struct Page {
    lines: Vec<String>,
    said: Vec<Line>,
    shown: BTreeSet<String>,
}

impl Page {
    /// Begins a part: what a user is doing there.
    pub(crate) fn part(&mut self, title: &str) {
        if !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.push(format!("## {title}"));
        self.lines.push(String::new());
    }

    /// A text with its code and its remedy, once in each part.
    pub(crate) fn add(&mut self, said: Said) {
        let Said { code, remedy, ref text } = said;
        let line = format!("{code:<30} {:<18} {text}", remedy.map_or("-", Remedy::code));
        let part = self.lines.iter().rposition(|line| line.starts_with("## ")).unwrap_or_default();
        let title = self.lines[part].trim_start_matches("## ").to_owned();
        if !self.lines[part..].contains(&line) {
            self.lines.push(line);
        }
        self.said.push(Line { part: title, said });
    }

    /// A line that is no sentence: of a response, or of a log.
    pub(crate) fn line(&mut self, text: &str) {
        self.lines.push(format!("{:<30} {text}", ""));
    }

    /// Notes that this variant is on the page.
    pub(crate) fn mark(&mut self, variant: &str) {
        self.shown.insert(variant.to_owned());
    }

    pub(crate) fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    pub(crate) const fn shown(&self) -> &BTreeSet<String> {
        &self.shown
    }

    pub(crate) fn said(&self) -> &[Line] {
        &self.said
    }

    pub(crate) fn sentences(&self) -> impl Iterator<Item = &str> {
        self.said.iter().map(|line| line.said.text.as_str())
    }
}

/// Checks that `unwrap` shows the sentence.
pub(crate) fn shows_itself(error: &(impl fmt::Debug + fmt::Display)) {
    assert_eq!(format!("{error:?}"), error.to_string(), "`Debug` is not the sentence");
    assert_eq!(format!("{error:#?}"), error.to_string(), "`Debug` is not the sentence");
}

/// What an error says of itself: `said!(error)`, or for a part of other errors, which has no code: `said!(error, part)`.
macro_rules! said {
    ($error:expr) => {{
        let error = &$error;
        let remedy = Some(error.remedy());
        $crate::page::Said { code: error.code(), remedy, text: error.to_string() }
    }};
    ($error:expr, part) => {
        $crate::page::Said { code: "-", remedy: None, text: $error.to_string() }
    };
    ($error:expr, without a code) => {{
        let error = &$error;
        $crate::page::Said { code: "-", remedy: Some(error.remedy()), text: error.to_string() }
    }};
}
pub(crate) use said;

/// Shows these variants of a type, each as the function composes it.
macro_rules! show {
    ($page:ident, $crate_name:ident::$type:ident, $compose:expr; $($variant:ident
        $(($($part:expr),+))? $({$($field:ident: $value:expr),+})?),+ $(,)?) => {$({
        let error = $type::$variant $(($($part),+))? $({$($field: $value),+})?;
        $crate::page::shows_itself(&error);
        $page.mark(concat!(stringify!($crate_name), "::", stringify!($type), "::", stringify!($variant)));
        $page.add($compose(error));
    })+};
}
pub(crate) use show;
