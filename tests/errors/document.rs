//! `docs/errors.md`: what each error means, and what to do. Codes, texts and remedies are those of the page here; the
//! last column is written by hand, and must be there for each.

use crate::page::Page;
use std::collections::{BTreeMap, BTreeSet};

const INTRODUCTION: &str = "# What an error means, and what to do

Every error has a text: it says what was wrong, who is to blame, and which method helps. Most have a `code()`, which is
stable, for logs and metrics. Every error that ends something has a `remedy()`, for a program that must decide:

| remedy | meaning |
|---|---|
| `log_in_again` | the user logs in again; nothing is wrong with the settings |
| `try_later` | the same attempt may succeed later; the value says when, if the other side has said so |
| `fix_configuration` | a developer or an operator changes something: a setting, the code, the clock, the registration of the client at the provider |
| `provider_at_fault` | the provider breaks a specification, and no setting tolerates it; report it to the provider |
| `request_at_fault` | the sender of a request to your API must send another; answer with the refusal |

`Error::provider_code` has the error code as the provider wrote it. `Error::code` has it only if a specification has
registered it, because any other text could be a secret, or a new metric for each request.

[A page for each of the frequent providers](providers/README.md) says what it does differently, and which setting answers
it.

The first three columns are made from `tests/data/errors.txt`, and a test compares them. Numbers, URLs and names in the
texts are examples.
";

/// One row of the document: the code, the texts and the remedy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    section: String,
    code: String,
    remedy: String,
    texts: Vec<String>,
}

impl Row {
    /// What the advice of a row is found by: the code, or the text of an error without one.
    fn key(&self) -> (String, String, String) {
        let name = if self.code == "-" { self.texts[0].clone() } else { self.code.clone() };
        (self.section.clone(), name, self.remedy.clone())
    }
}

/// The rows that the page demands. A text stands in the document once.
pub(crate) fn rows(page: &Page) -> Vec<Row> {
    let (mut rows, mut seen): (Vec<Row>, _) = (Vec::new(), BTreeSet::new());
    for line in page.said() {
        let said = &line.said;
        let Some(remedy) = said.remedy else { continue };
        let (code, remedy) = (said.code.to_owned(), remedy.code().to_owned());
        if !seen.insert((code.clone(), remedy.clone(), said.text.clone())) {
            continue;
        }
        let same = |row: &&mut Row| {
            code != "-" && row.section == line.part && row.code == code && row.remedy == remedy
        };
        match rows.iter_mut().find(same) {
            Some(row) => row.texts.push(said.text.clone()),
            None => {
                rows.push(Row { section: line.part.clone(), code, remedy, texts: vec![said.text.clone()] })
            }
        }
    }
    rows
}

/// The rows of a document, each with its advice.
pub(crate) fn read(document: &str) -> Vec<(Row, String)> {
    let (mut section, mut rows) = (String::new(), Vec::new());
    for line in document.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut section);
        }
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [code, text, remedy, advice] = cells[..] else { continue };
        if section.is_empty() || code == "code" {
            continue;
        }
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        let texts = text.split("<br>").map(str::to_owned).collect();
        let row = Row { section: section.clone(), code: bare(code), remedy: bare(remedy), texts };
        rows.push((row, advice.trim_end_matches('|').trim().to_owned()));
    }
    rows
}

/// The document with these rows, and the advice of the old one.
pub(crate) fn written(rows: &[Row], old: &str) -> String {
    let old: Vec<_> = read(old).into_iter().filter(|(_, advice)| !advice.is_empty()).collect();
    let known: BTreeMap<_, _> = old.iter().map(|(row, advice)| (row.key(), advice)).collect();
    let mut document = INTRODUCTION.to_owned();
    let mut section = "";
    for row in rows {
        if row.section != section {
            section = &row.section;
            document += &format!(
                "\n## {section}\n\n| code | text | remedy | cause, and what to do |\n|---|---|---|---|\n"
            );
        }
        let code = if row.code == "-" { "-".to_owned() } else { format!("`{}`", row.code) };
        let advice = known.get(&row.key()).map_or("", |advice| advice.as_str());
        document += &format!("| {code} | {} | `{}` | {advice} |\n", row.texts.join("<br>"), row.remedy);
    }
    document
}

#[test]
fn a_changed_text_a_missing_code_and_a_strange_code_are_found_and_advice_is_kept() {
    let row = |code: &str, text: &str| Row {
        section: "A place (`x`)".to_owned(),
        code: code.to_owned(),
        remedy: "try_later".to_owned(),
        texts: vec![text.to_owned()],
    };
    let rows = [row("one", "the text `one`"), row("-", "the text of no code")];
    let empty = written(&rows, "");
    let advised = empty.replace("`try_later` |  |", "`try_later` | wait |");
    assert_eq!(written(&rows, &advised), advised);
    let read_again: Vec<Row> = read(&advised).into_iter().map(|(row, _)| row).collect();
    assert_eq!(read_again, rows);
    assert!(read(&advised).iter().all(|(_, advice)| advice == "wait"));
    assert!(read(&empty).iter().all(|(_, advice)| advice.is_empty()));
    let renamed = [row("one", "another text"), row("-", "the text of no code")];
    assert_eq!(written(&renamed, &advised), advised.replace("the text `one`", "another text"));
    assert_ne!(written(&rows[..1], &advised), advised);
}
