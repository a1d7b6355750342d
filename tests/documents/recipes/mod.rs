//! Runs the code of the recipes in `docs/providers` against a simulated provider, to the letter, and checks that all pages
//! have the same form, and that the names in them exist.

mod facts;
mod own;
mod public;
mod tenants;
pub(crate) mod world;

use crate::shown::{block, names, shown};
use std::{collections::BTreeSet, fs, path::Path};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const SOURCES: [&str; 3] = [include_str!("own.rs"), include_str!("public.rs"), include_str!("tenants.rs")];

/// The pages, in the order of the index.
const PAGES: [&str; 14] = [
    "adfs",
    "apple",
    "auth0",
    "authentik",
    "cognito",
    "entra",
    "github",
    "gitlab",
    "google",
    "keycloak",
    "linkedin",
    "okta",
    "spring",
    "zitadel",
];

/// The parts of every page.
const PARTS: [&str; 5] =
    ["Register", "Log in", "Protect an API", "What it does differently", "What is tried, and what is read"];

/// The day on which the pages were last compared with what the providers say.
const DAY: &str = "2026-11-30";

fn page(name: &str) -> String {
    fs::read_to_string(format!("{ROOT}/docs/providers/{name}.md")).expect("a page")
}

#[test]
fn every_page_has_a_recipe_that_is_compiled_and_no_other_code() {
    let mut told = 0;
    for name in PAGES {
        let page = page(name);
        let mut blocks = 0;
        for source in SOURCES {
            let ours = |snippet: &&str| snippet.split('-').next() == Some(name);
            for snippet in names(source, "RECIPE").into_iter().filter(ours) {
                let code = shown(source, "RECIPE", snippet);
                let block = block(&code);
                assert!(page.contains(&block), "{name}.md does not show {snippet}:\n{block}");
                let lines = code.iter().filter(|line| !line.trim().is_empty()).count();
                assert!(lines <= 36, "{snippet}: {lines} lines");
                blocks += 1;
            }
        }
        assert!(page.contains("```rust\n"), "{name}.md has a recipe");
        assert_eq!(page.matches("```rust").count(), blocks, "{name}.md: every block is in its test");
        told += blocks;
    }
    let all: usize = SOURCES.iter().map(|source| names(source, "RECIPE").len()).sum();
    assert_eq!(told, all, "every recipe is on a page");
}

/// What is wrong with the form of a page.
fn faults(page: &str) -> Vec<String> {
    let parts: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut wrong = Vec::new();
    if parts != PARTS {
        wrong.push(format!("its parts are {parts:?}"));
    }
    let part = |title: &str| page.split("\n## ").find(|part| part.starts_with(title)).unwrap_or_default();
    let table = part("What it does differently");
    if !table.contains("\n| what it does | what answers it |\n|---|---|\n| ") {
        wrong.push("no table says what it does differently".to_owned());
    }
    let tried = part("What is tried");
    for needed in
        ["- **Live:** ", "- **Simulated:** ", "- **From its documentation:** ", "- **Not checked:** ", DAY]
    {
        if !tried.contains(needed) {
            wrong.push(format!("its last part does not say {needed}"));
        }
    }
    if !page.starts_with("# ") || !page.contains("(README.md)") {
        wrong.push("it has a title, and leads back to the index".to_owned());
    }
    wrong
}

#[test]
fn all_pages_have_the_same_parts_and_say_when_they_were_checked() {
    for name in PAGES {
        assert_eq!(faults(&page(name)), [""; 0], "{name}.md");
    }
    let sound = page(PAGES[0]);
    for (part, other) in [
        ("## Register\n", ""),
        ("| what it does | what answers it |", "| a | b |"),
        (DAY, "2026-13-01"),
        ("- **Not checked:** ", "- "),
    ] {
        assert_eq!(faults(&sound.replace(part, other)).len(), 1, "without {part}");
    }
}

#[test]
fn the_index_leads_to_every_page_and_the_readme_to_the_index() {
    let index = page("README");
    let mut files: Vec<_> = fs::read_dir(format!("{ROOT}/docs/providers"))
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    files.sort();
    assert_eq!(files, PAGES.map(|name| format!("{name}.md")));
    for file in files {
        assert!(index.contains(&format!("]({file})")), "the index does not lead to {file}");
    }
    let readme = fs::read_to_string(format!("{ROOT}/README.md")).expect("a file");
    assert!(readme.contains("(docs/providers/README.md)"));
}

/// The names that the library declares: types, functions, fields and variants.
fn declared() -> BTreeSet<String> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![Path::new(ROOT).join("oidc-proto/src")]);
    let adapters = fs::read_dir(Path::new(ROOT).join("oidc-adapters")).expect("a folder").flatten();
    folders.extend(adapters.map(|adapter| adapter.path().join("src")).filter(|sources| sources.is_dir()));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(entry.path()).expect("text");
                found.extend(text.lines().filter_map(declares).map(str::to_owned));
            }
        }
    }
    found
}

/// The public name that a line of code declares.
fn declares(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let name = match line.strip_prefix("pub ") {
        Some(rest) => ["const fn ", "async fn ", "fn ", "struct ", "enum ", "trait ", "const ", "mod "]
            .iter()
            .find_map(|kind| rest.strip_prefix(kind))
            .unwrap_or(rest),
        None if line.starts_with(char::is_uppercase) => line,
        None => return None,
    };
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    (end > 0).then(|| &name[..end])
}

/// The names of code in the right column of a page's tables that the library does not declare. What is in quotes is a
/// value and no name.
fn unknown<'p>(page: &'p str, declared: &BTreeSet<String>) -> Vec<&'p str> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what it does "));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let code = words.flat_map(|word| word.split('"').step_by(2));
    let names = code.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'));
    names.filter(|name| name.len() > 1 && !declared.contains(*name)).collect()
}

#[test]
fn every_setting_that_a_page_names_exists() {
    let declared = declared();
    for name in PAGES {
        assert_eq!(unknown(&page(name), &declared), [""; 0], "{name}.md");
    }
    let row = "| a | `no_such_method`, `Quirks::no_nonce`, `parameter(\"hd\", \"x\")` |";
    assert_eq!(unknown(row, &declared), ["no_such_method"]);
    for (line, name) in [
        ("    pub const fn accept_nonce(mut self) -> Self {", Some("accept_nonce")),
        ("    pub no_nonce: bool,", Some("no_nonce")),
        ("    AnyUuid,", Some("AnyUuid")),
        ("pub enum Profile {", Some("Profile")),
        ("    let quirk = 1;", None),
    ] {
        assert_eq!(declares(line), name, "{line}");
    }
}
