//! [`Page`]: the texts, in the order in which they are read.

use std::{collections::BTreeSet, fmt};

#[derive(Default)]
pub(crate) struct Page {
    lines: Vec<String>,
    sentences: Vec<String>,
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

    /// A text with its code, once in each part.
    pub(crate) fn add(&mut self, code: &str, text: &str) {
        let line = format!("{code:<30} {text}");
        let part = self.lines.iter().rposition(|line| line.starts_with("## ")).unwrap_or_default();
        if !self.lines[part..].contains(&line) {
            self.lines.push(line);
        }
        self.sentences.push(text.to_owned());
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

    pub(crate) fn sentences(&self) -> impl Iterator<Item = &str> {
        self.sentences.iter().map(String::as_str)
    }
}

/// Checks that `unwrap` shows the sentence.
pub(crate) fn shows_itself(error: &(impl fmt::Debug + fmt::Display)) {
    assert_eq!(format!("{error:?}"), error.to_string(), "`Debug` is not the sentence");
    assert_eq!(format!("{error:#?}"), error.to_string(), "`Debug` is not the sentence");
}

/// Shows these variants of a type, each as the function composes it: its code and its text.
macro_rules! show {
    ($page:ident, $crate_name:ident::$type:ident, $compose:expr; $($variant:ident
        $(($($part:expr),+))? $({$($field:ident: $value:expr),+})?),+ $(,)?) => {$({
        let error = $type::$variant $(($($part),+))? $({$($field: $value),+})?;
        $crate::page::shows_itself(&error);
        $page.mark(concat!(stringify!($crate_name), "::", stringify!($type), "::", stringify!($variant)));
        let (code, text) = $compose(error);
        let _: &str = AsRef::<str>::as_ref(&code);
        $page.add(AsRef::<str>::as_ref(&code), &text);
    })+};
}
pub(crate) use show;
