//! `docs/performance.md` has a place for each table of the benchmark, and the command that fills it.

use std::{collections::BTreeSet, fs, path::Path};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).expect(path)
}

/// The sections of a document that lie between two markers, and what is between them.
///
/// # Panics
/// If a section has no end, or if two have one name.
fn sections(document: &str) -> Vec<(&str, &str)> {
    let mut names = BTreeSet::new();
    let begun = document.split("<!-- bench: ").skip(1);
    begun
        .map(|part| {
            let (name, rest) = part.split_once(" -->\n").expect("a marker");
            let (text, _) =
                rest.split_once(&format!("<!-- end: {name} -->")).expect("the end of the section");
            assert!(names.insert(name), "{name} is there twice");
            (name, text)
        })
        .collect()
}

/// The names that the benchmark writes: literals after `section(`, and those of the two sizes.
fn written(source: &str) -> BTreeSet<&str> {
    let calls = source.split("section(\"").skip(1);
    let sizes = source.split("[(\"").skip(1).chain(source.split(", (\"").skip(1));
    calls.chain(sizes).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name).collect()
}

#[test]
fn each_table_of_the_benchmark_has_its_place_in_the_document() {
    let document = read("docs/performance.md");
    let sources = ["paths.rs", "peers/main.rs", "peers/processes.rs"];
    let sources = sources.map(|path| read(&format!("tests/bench/{path}")));
    let sections = sections(&document);
    let known: BTreeSet<_> = sources.iter().flat_map(|source| written(source)).collect();
    for (name, text) in &sections {
        assert!(known.contains(name), "no benchmark writes {name}");
        assert!(text.lines().any(|line| !line.trim().is_empty()), "{name} is empty");
    }
    let there: BTreeSet<_> = sections.iter().map(|(name, _)| *name).collect();
    for source in &sources {
        for call in source.split("section(\"").skip(1) {
            let (name, _) = call.split_once('"').expect("a literal");
            assert!(there.contains(name), "{name} has no place in the document");
        }
    }
    assert!(there.contains("half-a-kilobyte") && there.contains("four-kilobytes"));
    assert!(document.contains("cd tests/bench && cargo bench"), "the command");
}

/// The first cells of the rows below the heads of all tables, and the number of cells.
fn rows(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("| ")).collect();
    lines.iter().map(|line| (line.split(" | ").next().expect("a cell"), line.matches(" |").count())).collect()
}

#[test]
fn the_tables_of_other_languages_have_a_row_for_each_library_that_is_installed() {
    let document = read("docs/performance.md");
    let (_, text) = *sections(&document).iter().find(|(name, _)| *name == "processes").expect("a section");
    assert!(text.contains("Load: "), "the load of the machine");
    let package: serde_json::Value =
        serde_json::from_str(&read("tests/bench/peers/node/package.json")).expect("JSON");
    let packages = package["dependencies"].as_object().expect("packages");
    let list = read("tests/bench/peers/python/requirements.txt");
    let pinned: Vec<_> =
        list.lines().map(|line| line.split_once("==").expect("an exact version").0).collect();
    let measured = ["py-identity-model", "PyJWT"];
    assert!(measured.iter().all(|library| pinned.contains(library)), "Python's libraries");
    let mut libraries: Vec<_> = packages.keys().map(String::as_str).chain(measured).collect();
    libraries.sort_unstable();
    let mut tables = text.split("\n\n").map(rows).filter(|rows| !rows.is_empty());
    for head in ["CPU time", "by the clock"] {
        let table = tables.next().expect("a table");
        assert!(table[0].0 == head && table[1].0 == "`verify`", "{head}");
        let mut there: Vec<_> =
            table[2..].iter().map(|(name, _)| name.split(' ').next().expect("a name")).collect();
        there.sort_unstable();
        assert_eq!(there, libraries, "{head}");
        assert!(table.iter().all(|(_, cells)| *cells == 4), "{head}: three algorithms");
    }
    assert!(tables.next().is_none());
    for (name, version) in packages {
        let version = version.as_str().expect("a version");
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{name} has an exact version");
    }
    assert!(!read("tests/bench/peers/node/package-lock.json").contains("\"resolved\""), "no registry");
}

#[test]
#[should_panic(expected = "the end of the section")]
fn a_section_without_its_end_is_found() {
    sections("<!-- bench: keys -->\n| 4 keys |\n<!-- end: cache -->");
}
