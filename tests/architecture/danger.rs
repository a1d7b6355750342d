//! The table of switches that take a check away names each of them, and each of them names its danger.

use super::{root, sources};
use std::{collections::BTreeSet, fs};

const HEADING: &str = "/// # Danger";

/// The name of the item below a doc comment: a method, a field or a variant.
fn item(lines: &[&str]) -> Option<String> {
    let declared = lines
        .iter()
        .map(|line| line.trim())
        .find(|line| !line.starts_with("///") && !line.starts_with("#[") && !line.is_empty())?;
    let name =
        declared.split_once("fn ").map_or_else(|| declared.trim_start_matches("pub "), |(_, name)| name);
    let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
    Some(name[..end].to_owned())
}

/// Every item of a source whose documentation has the section.
pub(super) fn marked(text: &str) -> BTreeSet<String> {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().enumerate().filter(|(_, line)| line.trim() == HEADING);
    at.filter_map(|(at, _)| item(&lines[at + 1..])).collect()
}

/// The words in backticks in the first column of a table, each by its last part.
fn listed(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(1);
    let cells = rows.filter_map(|row| row.split(" | ").next()).filter(|cell| cell.contains('`'));
    let mut names = BTreeSet::new();
    for cell in cells {
        for word in cell.split('`').skip(1).step_by(2) {
            let name = word.rsplit("::").next().unwrap_or(word).trim_end_matches("()");
            names.insert(name.to_owned());
        }
    }
    names
}

fn table() -> String {
    fs::read_to_string(root().join("oidc-proto/src/danger.rs")).expect("the table")
}

#[test]
fn every_switch_that_takes_a_check_away_is_in_the_table_and_says_so_itself() {
    let mut found = BTreeSet::new();
    for (_, text) in sources() {
        found.extend(marked(&text));
    }
    assert_eq!(found, listed(&table()));
    assert!(found.len() > 8, "{found:?}");
}

#[test]
fn every_quirk_is_in_the_table_or_below_it() {
    let table = table();
    let source =
        fs::read_to_string(root().join("oidc-proto/src/message/token_response.rs")).expect("a source");
    let (_, quirks) = source.split_once("pub struct Quirks {").expect("it is there");
    let (fields, _) = quirks.split_once("\n}").expect("it ends");
    let names = fields.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.strip_suffix(": bool,"));
    let mut seen = 0;
    for name in names {
        assert!(table.contains(&format!("Quirks::{name}")), "`{name}` is not mentioned in danger.rs");
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn a_switch_that_is_not_listed_is_seen() {
    let source = "    /// Text.\n    ///\n    /// # Danger\n    /// It does.\n    #[must_use]\n    pub const fn open(self) {}\n";
    assert_eq!(marked(source), BTreeSet::from(["open".to_owned()]));
    let field =
        "    /// # Danger\n    /// It does.\n    pub allow: bool,\n    /// Other.\n    pub other: bool,\n";
    assert_eq!(marked(field), BTreeSet::from(["allow".to_owned()]));
    let table = "//! | switch | cost |\n//! |---|---|\n//! | [`A::open`](crate::A::open) (`allow`) | all |\n";
    assert_eq!(listed(table), BTreeSet::from(["allow".to_owned(), "open".to_owned()]));
}
