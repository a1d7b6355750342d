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
    let (paths, peers) = (read("tests/bench/paths.rs"), read("tests/bench/peers/main.rs"));
    let sections = sections(&document);
    let known = &written(&paths) | &written(&peers);
    for (name, text) in &sections {
        assert!(known.contains(name), "no benchmark writes {name}");
        assert!(text.lines().any(|line| !line.trim().is_empty()), "{name} is empty");
    }
    let there: BTreeSet<_> = sections.iter().map(|(name, _)| *name).collect();
    for source in [&paths, &peers] {
        for call in source.split("section(\"").skip(1) {
            let (name, _) = call.split_once('"').expect("a literal");
            assert!(there.contains(name), "{name} has no place in the document");
        }
    }
    assert!(there.contains("half-a-kilobyte") && there.contains("four-kilobytes"));
    assert!(document.contains("cd tests/bench && cargo bench"), "the command");
}

#[test]
#[should_panic(expected = "the end of the section")]
fn a_section_without_its_end_is_found() {
    sections("<!-- bench: keys -->\n| 4 keys |\n<!-- end: cache -->");
}
