//! The dependencies of the core, as `cargo tree` lists them.

use super::root;
use std::{collections::BTreeSet, env, process::Command};

const MAX_CRATES: usize = 60;

/// Crates with sockets, TLS, runtimes or sources of randomness.
const FORBIDDEN_CRATES: [&str; 20] = [
    "tokio",
    "mio",
    "socket2",
    "rustls",
    "native-tls",
    "openssl",
    "openssl-sys",
    "aws-lc-rs",
    "hyper",
    "hyper-util",
    "ureq",
    "reqwest",
    "async-std",
    "async-io",
    "smol",
    "futures-executor",
    "rand",
    "fastrand",
    "chrono",
    "time",
];

/// Parses `cargo tree --prefix depth`: returns all crates, and those that depend on a forbidden one.
fn forbidden(tree: &str) -> (BTreeSet<String>, Vec<String>) {
    let (mut crates, mut found, mut path) = (BTreeSet::new(), Vec::new(), Vec::<String>::new());
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
        let (depth, name) = (line[..digits].parse::<usize>().unwrap(), &line[digits..]);
        let name = name.split(' ').next().unwrap().to_owned();
        path.truncate(depth);
        let parent = path.last().map_or("", String::as_str);
        // ring draws the randomness for its own signatures, only in backend/private_key.rs.
        if FORBIDDEN_CRATES.contains(&name.as_str()) || (name == "getrandom" && parent != "ring") {
            found.push(format!("{name} under {parent}"));
        }
        let version = line[digits..].split(' ').nth(1).unwrap_or_default();
        crates.insert(format!("{name} {version}"));
        path.push(name);
    }
    (crates, found)
}

fn tree_of_the_core(more: &[&str]) -> String {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments =
        ["tree", "-p", "oidc-proto", "-e", "normal", "--no-dedupe", "--prefix", "depth", "--locked"];
    let output =
        Command::new(cargo).args(arguments).args(more).current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The crates of a tree that are not known and are not below the crate that gets entropy for ring.
fn strangers(tree: &str, known: &BTreeSet<String>) -> Vec<String> {
    let (mut found, mut path) = (Vec::new(), Vec::<&str>::new());
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
        let mut words = line[digits..].split(' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap_or_default());
        path.truncate(line[..digits].parse().unwrap());
        if !known.contains(&format!("{name} {version}")) {
            let for_entropy = path.windows(2).any(|pair| pair == ["ring", "getrandom"]);
            found.extend((!for_entropy).then(|| format!("{name} under {}", path.join(" "))));
        }
        path.push(name);
    }
    found
}

#[test]
fn the_core_depends_on_few_crates_and_none_with_a_socket() {
    let (crates, found) = forbidden(&tree_of_the_core(&["--offline"]));
    assert!(found.is_empty(), "{found:#?}");
    assert!(
        ["ring ", "serde_json "].iter().all(|name| crates.iter().any(|known| known.starts_with(name))),
        "the tree is read: {crates:?}"
    );
    assert!(crates.len() <= MAX_CRATES, "{} crates: {crates:?}", crates.len());
}

/// Needs no installed target. `tests/wasm/run` builds for it, and runs the result.
#[test]
fn on_wasm32_the_core_needs_no_operating_system_and_extra_crates_only_for_entropy() {
    let (here, _) = forbidden(&tree_of_the_core(&["--offline"]));
    // Not offline: a build for this machine has not fetched the crates of another target.
    let there = tree_of_the_core(&["--target", "wasm32-unknown-unknown"]);
    let (crates, found) = forbidden(&there);
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(strangers(&there, &here), [""; 0]);
    let named = |name: &str| crates.iter().any(|known| known.split(' ').next() == Some(name));
    assert!(named("js-sys"), "ring gets its entropy from the host: {crates:?}");
    for system in ["libc", "errno", "rustix", "nix", "windows-sys", "windows-targets", "wasi", "wasip2"] {
        assert!(!named(system), "{system} is for an operating system");
    }
}

#[test]
fn an_unknown_crate_is_found_unless_it_is_for_entropy() {
    let known = BTreeSet::from(["ring v1".to_owned(), "getrandom v1".to_owned(), "oidc-proto v1".to_owned()]);
    let tree = |lines: &[&str]| strangers(&lines.join("\n"), &known);
    assert_eq!(tree(&["0oidc-proto v1 (/x)", "1ring v1", "2getrandom v1", "3js-sys v1", "4x v1"]), [""; 0]);
    assert_eq!(tree(&["0oidc-proto v1", "1getrandom v1", "2x v1"]), ["x under oidc-proto getrandom"]);
    assert_eq!(tree(&["0oidc-proto v1", "1ring v1", "2getrandom v1", "2x v1"]), ["x under oidc-proto ring"]);
    assert_eq!(tree(&["0oidc-proto v1", "1ring v2"]), ["ring under oidc-proto"]);
}

#[test]
fn a_forbidden_crate_is_found_anywhere_in_the_tree() {
    let tree = |lines: &[&str]| forbidden(&lines.join("\n"));
    let (crates, found) =
        tree(&["0oidc-proto v0.1.0 (/x)", "1ring v0.17.14", "2getrandom v0.2.17", "1url v2.5"]);
    assert_eq!((crates.len(), found), (4, Vec::new()));
    assert_eq!(tree(&["0oidc-proto v0.1.0", "1syn v2.0.0", "1syn v3.0.0"]).0.len(), 3, "versions count");
    for bad in FORBIDDEN_CRATES {
        let line = format!("2{bad} v1.0.0");
        assert_eq!(tree(&["0oidc-proto v0.1.0 (/x)", "1url v2.5", &line]).1, [format!("{bad} under url")]);
    }
    for lines in [
        ["0oidc-proto v0.1.0", "1getrandom v0.3.0", "1ring v0.17.14"],
        ["0oidc-proto v0.1.0", "1ring v0.17.14", "1getrandom v0.3.0"],
        ["0oidc-proto v0.1.0", "1uuid v1.0.0", "2getrandom v0.3.0"],
    ] {
        assert_eq!(tree(&lines).1.len(), 1, "{lines:?}");
    }
}
