//! The published packages: the metadata of each crate, the files of its package, and pages whose links work
//! wherever the page is shown.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The published crates, and the crates besides `std` that the program in their README needs.
const PUBLISHED: [(&str, &[&str]); 11] = [
    ("oidc-aws-lc", &[]),
    ("oidc-axum", &["axum"]),
    ("oidc-drive", &[]),
    ("oidc-hyper", &["tokio"]),
    ("oidc-proto", &[]),
    ("oidc-redis", &[]),
    ("oidc-reqwest", &["tokio"]),
    ("oidc-testkit", &[]),
    ("oidc-tower", &[]),
    ("oidc-tracing", &[]),
    ("oidc-ureq", &[]),
];

/// The slugs of crates.io that are used here. crates.io ignores an unknown slug without an error.
const CATEGORIES: [&str; 8] = [
    "asynchronous",
    "authentication",
    "cryptography",
    "development-tools::debugging",
    "development-tools::testing",
    "network-programming",
    "web-programming::http-client",
    "web-programming::http-server",
];

/// The maximum size of a file in a package. Test data would be larger.
const LARGEST: u64 = 64 * 1024;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(ROOT).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The manifests of the published crates, as cargo reads them.
fn manifests() -> Vec<Value> {
    let metadata = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let all = metadata["packages"].as_array().expect("packages").clone();
    // `publish = false` is an empty list of registries.
    let mut published: Vec<_> = all.into_iter().filter(|package| package["publish"].is_null()).collect();
    published.sort_by_key(|package| package["name"].as_str().map(str::to_owned));
    published
}

fn text<'v>(package: &'v Value, member: &str) -> &'v str {
    package[member].as_str().unwrap_or_else(|| panic!("{} has no `{member}`", package["name"]))
}

fn folder(package: &Value) -> &Path {
    Path::new(text(package, "manifest_path")).parent().expect("a folder")
}

/// The files that `cargo package` puts into the package, by their paths inside it.
fn files(package: &Value) -> Vec<String> {
    let listed = cargo(&["package", "--list", "--offline", "--allow-dirty", "-p", text(package, "name")]);
    listed.lines().map(|line| line.replace('\\', "/")).collect()
}

#[test]
fn the_published_crates_are_those_in_the_table() {
    let found: Vec<String> = manifests().iter().map(|package| text(package, "name").to_owned()).collect();
    assert_eq!(found, PUBLISHED.map(|(name, _)| name));
}

#[test]
fn every_manifest_has_the_data_for_the_page_of_a_registry() {
    for package in manifests() {
        let name = text(&package, "name");
        assert!((30..=130).contains(&text(&package, "description").len()), "{name}: a sentence describes it");
        assert_eq!(text(&package, "documentation"), format!("https://docs.rs/{name}"));
        assert_eq!(text(&package, "license"), "MIT OR Apache-2.0", "{name}");
        assert_eq!(text(&package, "readme"), "README.md", "{name}: the page stands in the package");
        assert!(text(&package, "repository").starts_with("https://"), "{name}");
        assert!(package["rust_version"].is_string(), "{name}");
        let keywords = package["keywords"].as_array().expect("a list");
        assert!((3..=5).contains(&keywords.len()), "{name}: crates.io takes five keywords: {keywords:?}");
        let categories = package["categories"].as_array().expect("a list");
        assert!((1..=5).contains(&categories.len()), "{name}: {categories:?}");
        for category in categories {
            assert!(CATEGORIES.contains(&category.as_str().expect("text")), "{name}: {category}");
        }
    }
}

#[test]
fn a_package_has_its_page_licences_and_sources_and_no_repository_files() {
    for package in manifests() {
        let (name, files) = (text(&package, "name"), files(&package));
        for needed in ["Cargo.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"] {
            assert!(files.iter().any(|file| file == needed), "{name} has no {needed}: {files:?}");
        }
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let read = |path: &Path| fs::read_to_string(path.join(licence)).expect("a licence");
            assert_eq!(read(folder(&package)), read(Path::new(ROOT)), "{name}: {licence}");
        }
        for file in &files {
            // Cargo makes these files.
            if [".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml.orig"].contains(&file.as_str()) {
                continue;
            }
            let top = file.split('/').next().unwrap_or_default();
            let expected = match top {
                "Cargo.toml" | "README.md" | "LICENSE-APACHE" | "LICENSE-MIT" | "src" => true,
                // The examples run from the package, with a provider of the testkit.
                "examples" => name != "oidc-testkit",
                // The keys that its sources read, and tests that need nothing else.
                "data" | "tests" => name == "oidc-testkit",
                _ => false,
            };
            assert!(expected, "{name} takes {file} along");
            let size = fs::metadata(folder(&package).join(file)).expect("a file").len();
            assert!(size <= LARGEST, "{name}: {file} has {size} bytes");
        }
    }
}

/// The targets of the links in a Markdown document, without those in code.
fn links(markdown: &str) -> Vec<String> {
    let (mut prose, mut code) = (String::new(), false);
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    let inline = prose.match_indices("](").map(|(at, _)| &prose[at + 2..]);
    let mut found: Vec<String> =
        inline.map(|rest| rest.split([')', ' ', '\n']).next().unwrap_or_default().to_owned()).collect();
    for line in prose.lines().filter(|line| line.starts_with('[')) {
        found.extend(line.split_once("]: ").map(|(_, target)| target.trim().to_owned()));
    }
    found
}

/// The anchors of the headings of a document.
fn anchors(markdown: &str) -> Vec<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(slug).collect()
}

/// The reason why a link of a page does not work where the page is shown outside the repository.
fn dead(link: &str, page: &str, files: &[String], repository: &str) -> Option<String> {
    let (target, anchor) =
        link.split_once('#').map_or((link, None), |(target, anchor)| (target, Some(anchor)));
    let document = if let Some(path) = target.strip_prefix(repository) {
        let path = path.strip_prefix("/blob/main/").or_else(|| path.strip_prefix("/tree/main/"));
        match path {
            Some(path) if Path::new(ROOT).join(path).exists() => {
                fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_default()
            }
            Some(_) => return Some(format!("{link} is not in the repository")),
            None => return None,
        }
    } else if let Some(name) = target.strip_prefix("https://docs.rs/oidc-") {
        let name = format!("oidc-{}", name.split('/').next().unwrap_or_default());
        let known = PUBLISHED.iter().any(|(published, _)| *published == name);
        return (!known).then(|| format!("{link}: {name} is not published"));
    } else if target.starts_with("https://") {
        return None;
    } else if target.is_empty() {
        page.to_owned()
    } else if files.iter().any(|file| file == target) {
        return None;
    } else {
        return Some(format!("{link} leaves the package"));
    };
    let anchor = anchor?;
    let known = anchors(&document).iter().any(|known| known == anchor);
    (!known).then(|| format!("{link}: there is no such heading"))
}

#[test]
fn every_link_of_a_page_works_from_a_registry_too() {
    for package in manifests() {
        let (name, files) = (text(&package, "name"), files(&package));
        let page = fs::read_to_string(folder(&package).join("README.md")).expect("a page");
        let repository = text(&package, "repository");
        let found: Vec<_> =
            links(&page).iter().filter_map(|link| dead(link, &page, &files, repository)).collect();
        assert_eq!(found, [""; 0], "{name}/README.md");
        assert!(links(&page).len() > 3, "{name}: the page has links that lead on");
    }
}

/// The documents of the repository, by their paths in it.
fn documents() -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::from(ROOT)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type().expect("a type").is_dir() {
                if !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name.ends_with(".md") {
                let path = path.strip_prefix(ROOT).expect("it is below the root");
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// The reason why a link of a document does not work in the repository.
fn astray(link: &str, document: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return None;
    }
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let from = Path::new(ROOT).join(document);
    let to = if target.is_empty() { from.clone() } else { from.parent().expect("a folder").join(target) };
    if !to.exists() {
        return Some(format!("{document}: {link} does not exist"));
    }
    let known =
        anchor.is_empty() || anchors(&fs::read_to_string(to).unwrap_or_default()).iter().any(|a| a == anchor);
    (!known).then(|| format!("{document}: {link}: there is no such heading"))
}

#[test]
fn every_link_of_a_document_works_in_the_repository() {
    let documents = documents();
    assert!(documents.len() > 20, "the documents are found: {documents:?}");
    let mut wrong = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(Path::new(ROOT).join(document)).expect("text");
        wrong.extend(links(&text).iter().filter_map(|link| astray(link, document)));
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(astray("why.md", "docs/keys.md"), None);
    for bad in ["no-such-file.md", "why.md#no-such-heading", "#no-such-heading"] {
        assert!(astray(bad, "docs/keys.md").is_some(), "{bad}");
    }
}

/// The links to files in the documentation of a source. Links to items have no slash, and rustdoc checks
/// them.
fn links_to_files(source: &str) -> Vec<String> {
    let comments = source.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("//!").or_else(|| line.strip_prefix("///"))
    });
    let comments: Vec<&str> = comments.map(str::trim_start).collect();
    let relative =
        |link: &String| !link.starts_with("https://") && (link.contains('/') || link.ends_with(".md"));
    links(&comments.join("\n")).into_iter().filter(relative).collect()
}

#[test]
fn the_documentation_links_to_no_file_of_the_repository() {
    for package in manifests() {
        let sources =
            files(&package).into_iter().filter(|file| file.starts_with("src/") && file.ends_with(".rs"));
        for file in sources {
            let source = fs::read_to_string(folder(&package).join(&file)).expect("a source");
            assert_eq!(links_to_files(&source), [""; 0], "{}/{file}", text(&package, "name"));
        }
    }
}

/// The programs in a page.
fn programs(page: &str) -> Vec<&str> {
    let blocks = page.split("```").skip(1).step_by(2).filter(|block| block.starts_with("rust"));
    blocks.filter_map(|block| block.split_once('\n').map(|(_, code)| code)).collect()
}

/// The crates that a program names, except `std`, its own crate, and modules that it imports from its own
/// crate.
fn crates<'p>(program: &'p str, own: &str) -> Vec<&'p str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut imported, mut rest) = (Vec::new(), Vec::new(), program);
    let comment = |at: usize| {
        let line = program[..at].rfind('\n').map_or(0, |end| end + 1);
        program[line..at].trim_start().starts_with("//")
    };
    while let Some(at) = rest.find("::") {
        let before = &rest[..at];
        let start = before.rfind(|c| !word(c)).map_or(0, |before| before + 1);
        let root = &before[start..];
        let line = rest[before[..start].rfind('\n').map_or(0, |end| end + 1)..].trim_start();
        let import = line.starts_with("use ");
        // A whole import or a whole path counts; the parts inside it are no roots.
        let end = if import { rest[at..].find(';') } else { rest[at..].find(|c| !word(c) && c != ':') };
        let end = end.map_or(rest.len(), |end| at + end);
        if import && root == own {
            imported.extend(rest[at..end].split(|c| !word(c)));
        }
        let crate_name = root.starts_with(|c: char| c.is_lowercase()) && !["std", own].contains(&root);
        if crate_name && !comment(program.len() - rest.len() + start) {
            found.push(root);
        }
        rest = &rest[end..];
    }
    found.retain(|root| !imported.contains(root));
    found
}

#[test]
fn one_dependency_is_enough_for_the_program_in_each_page() {
    for package in manifests() {
        let name = text(&package, "name");
        let (_, besides) =
            PUBLISHED.iter().find(|(published, _)| *published == name).expect("it is named here");
        let page = fs::read_to_string(folder(&package).join("README.md")).expect("a page");
        let programs = programs(&page);
        assert!(!programs.is_empty(), "{name}: the page shows a program");
        for program in programs {
            let named = crates(program, &name.replace('-', "_"));
            let others: Vec<_> = named.iter().filter(|named| !besides.contains(*named)).collect();
            assert!(others.is_empty(), "{name}: the program in its README.md needs {others:?} as well");
        }
        // The program is compiled as a doc test.
        let lib = fs::read_to_string(folder(&package).join("src/lib.rs")).expect("a source");
        let tested = "#[cfg(doctest)]\n#[doc = include_str!(\"../README.md\")]\n";
        assert!(lib.contains(tested), "{name}: nothing compiles the code in README.md");
    }
}

#[test]
fn a_page_with_faults_is_found() {
    let files = ["README.md".to_owned(), "LICENSE-MIT".to_owned()];
    let page =
        "# A page\n[a](docs/why.md) [b](LICENSE-MIT) [c](#a-page)\n[d]: ../README.md\n```rust\n[e](f)\n```\n";
    assert_eq!(links(page), ["docs/why.md", "LICENSE-MIT", "#a-page", "../README.md"]);
    let repository = "https://github.example/x";
    for good in
        ["LICENSE-MIT", "#a-page", "https://a.example/", "https://github.example/x/blob/main/docs/why.md"]
    {
        assert_eq!(dead(good, page, &files, repository), None, "{good}");
    }
    for bad in [
        "docs/why.md",
        "../README.md",
        "#another-page",
        "http://a.example/",
        "https://github.example/x/blob/main/docs/no-such-file.md",
        "https://github.example/x/blob/main/README.md#no-such-heading",
        "https://docs.rs/oidc-no-such-crate",
    ] {
        assert!(dead(bad, page, &files, repository).is_some(), "{bad}");
    }
    let source =
        "//! See [a](../docs/why.md), [b](crate::b) and [c](https://c.example/).\nlet x = \"[d](e/f)\";";
    assert_eq!(links_to_files(source), ["../docs/why.md"]);
    let program = "
use own::{
    a,
    oidc_proto::B,
};
use other::{C, std::D};
fn f() { own::a::b(); a::c(); third::g(std::h::i()) }
// fourth::x
";
    assert_eq!(crates(program, "own"), ["other", "third"]);
    assert_eq!(programs("a\n```rust,no_run\nb\n```\nc\n```sh\nd\n```\n"), ["b\n"]);
}
