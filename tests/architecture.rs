//! Checks of the sources: imports between and inside rooms point one way, no files import each other in a
//! circle, a file has 500 lines at most and a folder twelve files, the first line says what a file has, the
//! core is pure, one room uses the crypto crate, and the core depends on few crates. Each check is tried on
//! a bad example.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "architecture/crates.rs"]
mod crates;
#[path = "architecture/danger.rs"]
mod danger;
#[path = "architecture/defaults.rs"]
mod defaults;
#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/pictures.rs"]
mod pictures;
#[path = "architecture/rooms.rs"]
mod rooms;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

/// The rooms in order. Imports point left only.
const ROOMS: [&str; 10] =
    ["backend", "base", "jose", "metadata", "message", "token", "sender", "resource", "flow", "renew"];

const MAX_LINES: usize = 500;
/// Names that do not belong in a core without I/O, with the files that are exempt.
const IMPURE: [(&str, &[&str]); 23] = [
    ("SystemTime", &[]),
    ("Instant", &[]),
    ("SystemRandom", &["backend/private_key.rs"]),
    ("rand::generate", &[]),
    ("std::net", &[]),
    ("std::env", &[]),
    ("std::fs", &[]),
    ("std::io", &[]),
    ("std::thread", &[]),
    ("std::process", &[]),
    ("thread_local!", &[]),
    ("println!", &[]),
    ("eprintln!", &[]),
    ("dbg!", &[]),
    ("static mut", &[]),
    ("unsafe", &[]),
    // The order of a hash map differs in every run, so its users would not be deterministic. That of the signature cache has
    // a hash without chance, and nobody sees its order.
    ("HashMap", &["token/cache/signatures.rs"]),
    ("RandomState", &[]),
    // The core is the same on every machine, including wasm32.
    ("cfg(unix", &[]),
    ("cfg(windows", &[]),
    ("target_os", &[]),
    ("target_family", &[]),
    ("target_arch", &[]),
];

/// The items of `std::net` that are allowed: they parse addresses and open no socket.
const ADDRESSES: [&str; 3] = ["Ipv4Addr", "Ipv6Addr", "IpAddr"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file of the project: its path from the root, and its text.
fn sources() -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "node_modules", "corpus"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let relative = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                found.push((relative, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(found.len() > 60, "the sources are found: {}", found.len());
    found
}

/// The core: each path below its `src`, and the code without comments, texts and tests.
fn core() -> Vec<(String, String)> {
    product("oidc-proto/src/")
}

/// The files of any crate below this folder, in the same form.
fn product(folder: &str) -> Vec<(String, String)> {
    let product = sources().into_iter().filter_map(|(path, text)| {
        let path = path.strip_prefix(folder)?.to_owned();
        let tests =
            path.ends_with("_tests.rs") || path.ends_with("/testdata.rs") || path.starts_with("misuse");
        (!tests).then(|| (path, code(&text)))
    });
    product.collect()
}

/// The code only: no comments, nothing between quotes, no `#[cfg(test)]` item.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") || rest.starts_with("br#\"") {
            let start = rest.find('"').unwrap() + 1;
            rest[start..].find("\"#").map_or(rest.len(), |end| start + end + 2)
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |end| end + 2)
        } else if c == '\'' && rest[1..].starts_with(['"', '/']) && rest[2..].starts_with('\'') {
            3
        } else if let Some(escaped) = rest.strip_prefix("'\\") {
            escaped.char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(rest.len(), |(at, _)| at + 3)
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.push(' ');
        rest = &rest[skip..];
    }
    without_tests(&out)
}

fn without_tests(code: &str) -> String {
    let Some((before, after)) = code.split_once("#[cfg(test)]") else { return code.to_owned() };
    format!("{before}{}", without_tests(&after[end_of_item(after)..]))
}

/// Where the item ends that begins here. A field, a variant or an argument ends at a comma, or where the braces around it
/// do.
fn end_of_item(code: &str) -> usize {
    const ITEMS: [&str; 15] = [
        "mod",
        "fn",
        "use",
        "impl",
        "struct",
        "enum",
        "const",
        "static",
        "type",
        "trait",
        "macro_rules",
        "unsafe",
        "async",
        "extern",
        "let",
    ];
    // The attributes and the visibility before the item say nothing about its end.
    let mut rest = code.trim_start();
    while let Some((_, after)) = rest.strip_prefix("#[").and_then(|attribute| attribute.split_once(']')) {
        rest = after.trim_start();
    }
    let rest = rest.strip_prefix("pub").map_or(rest, |rest| match rest.strip_prefix('(') {
        Some(place) => place.split_once(')').map_or(place, |(_, rest)| rest),
        None => rest,
    });
    let mut words = rest.trim_start().split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_item = ITEMS.contains(&first);
    let by_semicolon =
        ["use", "static", "type", "let"].contains(&first) || (first == "const" && second != "fn");
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '<' if !is_item => depth += 1,
            '>' if !is_item && before != '-' && before != '=' => depth = depth.saturating_sub(1),
            '}' | ')' | ']' if depth == 0 => return at,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 && (c == ';' || (is_item && !by_semicolon && c == '}') || (!is_item && c == ',')) {
            return at + c.len_utf8();
        }
        before = c;
    }
    code.len()
}

/// The names directly behind `crate::`, or behind `super::super::`, which means the same from a room.
fn from_the_root(code: &str) -> Vec<String> {
    let code: String = code.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ::", "::");
    let code = code.replace(":: ", "::");
    let mut names = Vec::new();
    for root in ["crate::", "super::super::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            let word = |text: &str| {
                let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
                text[..end].to_owned()
            };
            let Some(group) = rest.strip_prefix('{') else {
                names.push(word(rest));
                continue;
            };
            let (mut depth, mut start) = (0, true);
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    ' ' => {}
                    _ if start && depth == 0 => {
                        names.push(word(&group[at..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        }
    }
    names
}

/// The imports of a file of the core that are not allowed there.
fn against_the_arrow(path: &str, code: &str) -> Vec<String> {
    let Some(room) = path.split_once('/').map(|(room, _)| room) else { return Vec::new() };
    let Some(place) = ROOMS.iter().position(|known| *known == room) else {
        return vec![format!("{path}: `{room}` is not a room")];
    };
    let wrong = from_the_root(code).into_iter().filter(|name| !ROOMS[..=place].contains(&name.as_str()));
    wrong.map(|name| format!("{path}: takes `{name}`, which is not to the left of `{room}`")).collect()
}

fn impurities(path: &str, code: &str) -> Vec<String> {
    let named = |word: &str| {
        code.match_indices(word).any(|(at, _)| {
            let joined = |c: char| c.is_alphanumeric() || c == '_';
            let (before, after) = (code[..at].chars().next_back(), code[at + word.len()..].chars().next());
            !before.is_some_and(joined) && (word.ends_with('!') || !after.is_some_and(joined))
        })
    };
    let mut found: Vec<String> = IMPURE
        .iter()
        .filter(|(word, exempt)| *word != "std::net" && !exempt.contains(&path) && named(word))
        .map(|(word, _)| format!("{path}: {word}"))
        .collect();
    // A group such as `use std::{net, fs}` counts, too.
    for (at, _) in code.match_indices("std::{") {
        let group = &code[at + 6..code[at..].find(';').map_or(code.len(), |end| at + end)];
        let group: String = group.split_whitespace().collect();
        for module in ["env", "fs", "io", "thread", "process"] {
            let one = |end: &str| group.starts_with(&format!("{module}{end}"));
            let more = |end: &str| group.contains(&format!(",{module}{end}"));
            if [",", "}", "::"].iter().any(|end| one(end) || more(end)) {
                found.push(format!("{path}: std::{module}"));
            }
        }
        if let Some((_, net)) = group.split_once("net::{")
            && net.split('}').next().unwrap().split(',').any(|name| !ADDRESSES.contains(&name))
        {
            found.push(format!("{path}: std::net"));
        }
    }
    let plain_net = code
        .match_indices("std::net::")
        .any(|(at, _)| !ADDRESSES.iter().any(|address| code[at + 10..].starts_with(address)));
    if plain_net {
        found.push(format!("{path}: std::net"));
    }
    found
}

fn misshapen(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{path}: {lines} lines"));
    }
    if !text.starts_with("//! ") {
        found.push(format!("{path}: the first line does not say what the file is"));
    }
    found
}

#[test]
fn imports_point_left() {
    let wrong: Vec<_> = core().iter().flat_map(|(path, code)| against_the_arrow(path, code)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let rooms: BTreeSet<_> =
        core().iter().filter_map(|(path, _)| Some(path.split_once('/')?.0.to_owned())).collect();
    assert!(rooms.len() >= 6, "{rooms:?}");
}

#[test]
fn the_core_does_no_io() {
    let wrong: Vec<_> = core().iter().flat_map(|(path, code)| impurities(path, code)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_is_short_and_begins_with_a_description() {
    let wrong: Vec<_> = sources().iter().flat_map(|(path, text)| misshapen(path, text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_import_to_the_right_is_found_in_every_spelling() {
    for bad in [
        "use crate::flow::Client;",
        "use crate::{base::secret::Secret, flow::Client};",
        "use crate::{\n    base::{json::{A, B}, c},\n    flow,\n};",
        "fn f() -> crate::flow::Error { todo!() }",
        "use super::super::flow::Client;",
        "use crate::Error;",
        "use crate :: renew :: RenewalPolicy;",
    ] {
        assert_eq!(against_the_arrow("token/claims.rs", &code(bad)).len(), 1, "{bad}");
    }
    for good in [
        "use crate::{base::secret::Secret, token::Claims};",
        "use super::Claims;",
        "/// See [`Client`](crate::flow::Client).\nuse crate::jose::Key;",
        "// use crate::flow::Client;",
        "const TEXT: &str = \"crate::flow\";",
        "#[cfg(test)]\nmod tests { use crate::flow::Client; fn f() {} }",
    ] {
        assert_eq!(against_the_arrow("token/claims.rs", &code(good)), [""; 0], "{good}");
    }
    assert_eq!(against_the_arrow("base/x.rs", "use crate::jose::Key;").len(), 1);
    assert_eq!(against_the_arrow("attic/x.rs", "").len(), 1, "an unknown room");
}

#[test]
fn every_impurity_is_found() {
    for (word, exempt) in IMPURE {
        let bad = if word == "std::net" { "std::net::TcpStream" } else { word };
        let bad = format!("fn f() {{ {bad}(1); }}");
        assert!(!impurities("flow/x.rs", &code(&bad)).is_empty(), "{word}");
        for file in exempt {
            assert_eq!(impurities(file, &code(&bad)), [""; 0], "{word} in {file}");
        }
    }
    for bad in [
        "use std::{fmt, fs};",
        "use std::{fs, fmt};",
        "use std::{\n    io::{self, Read},\n    fmt,\n};",
        "use std::{fmt, thread::sleep};",
        "use std::{net::{Ipv4Addr, TcpListener}};",
    ] {
        assert!(!impurities("flow/x.rs", &code(bad)).is_empty(), "{bad}");
    }
    for good in [
        "use std::net::Ipv4Addr;",
        "use std::{fmt, net::{Ipv4Addr, Ipv6Addr}};",
        "// println!(\"x\") and unsafe",
        "let a = \"unsafe \\\" unsafe\"; let b = '\"'; let c = 1;",
        "#![forbid(unsafe_code)]",
        "let x = br#\"std::fs \"unsafe\" \"#;",
        "#[cfg(test)]\nmod tests;\nfn f() {}",
    ] {
        assert_eq!(impurities("flow/x.rs", &code(good)), [""; 0], "{good}");
    }
    let after_tests = "#[cfg(test)]\nmod tests { fn f() { {} } }\nfn g() { dbg!(1) }";
    assert_eq!(impurities("flow/x.rs", &code(after_tests)).len(), 1, "code after the tests counts");
}

#[test]
fn what_only_tests_compile_ends_where_its_item_ends() {
    for (before, tests, after) in [
        ("struct A {\n    b: u8,\n    ", "seen: Vec<(u8, u8)>,", "\n    c: unsafe_cell,\n}\nfn f() {}"),
        ("struct A {\n    b: u8,\n    ", "pub(crate) seen: BTreeMap<u8, u8>\n", "}\nfn f() {}"),
        ("enum A {\n    ", "B { x: u8, y: u8 },", "\n    C,\n}"),
        ("let a = A {\n    ", "seen: vec![1, 2],", "\n    c: 1,\n};"),
        ("fn f(\n    ", "seen: impl Fn(u8) -> u8,", "\n    c: u8,\n) {}"),
        ("", "#[path = ]\npub(crate) fn f<A, B>(a: A, b: B) -> (A, B) { {} }", "\nfn g() {}"),
        ("", "use std::{fs, io};", "\nfn g() {}"),
        ("", "const A: B = B { c: 1, d: 2 };", "\nfn g() {}"),
        ("", "pub const fn f(a: A, b: B) {}", "\nfn g() {}"),
        ("", "impl<A, B> C for D<A, B> { fn f() {} }", "\nfn g() {}"),
    ] {
        let text = format!("{before}#[cfg(test)]\n    {tests}{after}");
        assert_eq!(without_tests(&text), format!("{before}{after}"), "{text}");
    }
    let bad = "struct A {\n    #[cfg(test)]\n    seen: u8,\n}\nfn f() { dbg!(1) }";
    assert_eq!(impurities("flow/x.rs", &code(bad)).len(), 1, "what follows such a field counts");
}

#[test]
fn a_file_that_is_too_long_or_lacks_a_description_is_found() {
    assert_eq!(misshapen("x.rs", "//! What it is.\n"), [""; 0]);
    assert_eq!(misshapen("x.rs", "use std::fmt;\n").len(), 1);
    assert_eq!(misshapen("x.rs", &"//! x\n".repeat(500)), [""; 0]);
    assert_eq!(misshapen("x.rs", &"//! x\n".repeat(501)).len(), 1);
}
