//! Inside the rooms: which rooms of a folder may use which, no circles of files, no crowded folder, and one
//! room that uses a crypto crate.

use super::{imports::Crate, product, sources};
use std::collections::BTreeMap;

/// The crates, by the folders of their sources.
const CRATES: [&str; 10] = [
    "oidc-proto/src/",
    "oidc-adapters/aws-lc/src/",
    "oidc-adapters/axum/src/",
    "oidc-adapters/drive/src/",
    "oidc-adapters/hyper/src/",
    "oidc-adapters/redis/src/",
    "oidc-adapters/reqwest/src/",
    "oidc-adapters/tower/src/",
    "oidc-adapters/tracing/src/",
    "oidc-adapters/ureq/src/",
];

/// The maximum number of files in a folder.
const MAX_FILES: usize = 12;

/// Rooms inside a folder: each may use only those of the lines above it. A room is a folder; where the flag
/// is set, a single file may be one, too.
type Stages = &'static [&'static [&'static str]];
const INSIDE: [(&str, &str, bool, Stages); 2] = [
    (
        "oidc-proto/src/",
        "flow/",
        false,
        &[
            &["contract"],
            &["saved"],
            &["client"],
            &["exchange"],
            &["discovery", "login", "grant", "endpoint", "logout", "registration"],
            &["identity"],
        ],
    ),
    (
        "oidc-adapters/drive/src/",
        "",
        true,
        &[
            &["event", "net"],
            &["drive"],
            &["flight", "io", "store"],
            &["issuer", "source"],
            &["gate", "provider"],
            &["api", "resource"],
            &["blocking", "stack"],
        ],
    ),
];

/// The only room of the core that uses a crypto crate.
const BACKEND: &str = "backend/";

/// Crates that compute with keys.
const CRYPTO: [&str; 8] =
    ["ring", "aws_lc_rs", "openssl", "sha2", "hmac_sha256", "ed25519_dalek", "chacha20poly1305", "rustls"];

/// Folders that are still to be put in order: their findings are excused. An entry must go as soon as it is
/// not needed any more, which the checks find out.
const CIRCLES_LEFT: [&str; 0] = [];
const ARROWS_LEFT: [&str; 0] = [];
const CROWDS_LEFT: [&str; 0] = [];

/// The findings that are not excused, and the entries of the list that excuse nothing.
fn held_against(found: &[(String, String)], left: &[&str]) -> Vec<String> {
    let excused = |place: &str| left.iter().any(|folder| place.starts_with(folder));
    let wrong =
        found.iter().filter(|(place, _)| !excused(place)).map(|(place, what)| format!("{place}: {what}"));
    let idle = left.iter().filter(|folder| !found.iter().any(|(place, _)| place.starts_with(**folder)));
    wrong.chain(idle.map(|folder| format!("{folder}: in order, so it goes from the list"))).collect()
}

fn read(files: &[(String, String)]) -> Crate {
    Crate::read(files.iter().map(|(path, code)| (&**path, &**code)))
}

/// The folder that contains all of these files.
fn common<'f>(files: &[&'f str]) -> &'f str {
    let (first, others) = files.split_first().expect("a circle has files");
    let ends = first.match_indices('/').map(|(at, _)| at + 1).rev();
    ends.map(|end| &first[..end])
        .find(|folder| others.iter().all(|file| file.starts_with(folder)))
        .unwrap_or("")
}

/// The circles of a crate: the folder that each is in, and its files.
fn circles(source: &str, files: &[(String, String)]) -> Vec<(String, String)> {
    let house = read(files);
    let circles = house.circles().into_iter();
    circles.map(|circle| (format!("{source}{}", common(&circle)), circle.join(" needs "))).collect()
}

/// The position of a file among the stages: its index, and its room.
fn stage<'p>(path: &'p str, folder: &str, file: bool, stages: Stages) -> Option<(usize, &'p str)> {
    let path = path.strip_prefix(folder)?;
    let room = match path.split_once('/') {
        Some((room, _)) => room,
        None => path.strip_suffix(".rs").filter(|_| file)?,
    };
    Some((stages.iter().position(|rooms| rooms.contains(&room))?, room))
}

/// The places where a file of a room inside a folder uses a room that is not above it.
fn against_the_stages(
    files: &[(String, String)],
    folder: &str,
    file: bool,
    stages: Stages,
) -> Vec<(String, String)> {
    let house = read(files);
    let place = |path| stage(path, folder, file, stages);
    let arrows = house.arrows();
    let arrows = arrows.iter().flat_map(|(from, to)| to.iter().map(move |to| (*from, *to)));
    arrows
        .filter_map(|(from, to)| {
            let ((from_stage, from_room), (to_stage, to_room)) = (place(from)?, place(to)?);
            let wrong = from_room != to_room && from_stage <= to_stage;
            wrong
                .then(|| (from.to_owned(), format!("uses {to}, and `{to_room}` is not before `{from_room}`")))
        })
        .collect()
}

/// The folders with too many files.
fn crowds<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<(String, String)> {
    let mut folders = BTreeMap::<&str, usize>::new();
    for path in paths {
        *folders.entry(&path[..path.rfind('/').map_or(0, |end| end + 1)]).or_default() += 1;
    }
    let crowded = folders.into_iter().filter(|(_, files)| *files > MAX_FILES);
    crowded.map(|(folder, files)| (folder.to_owned(), format!("{files} files"))).collect()
}

/// The crypto crates that a file names.
fn crypto(path: &str, code: &str) -> Vec<String> {
    let joined = |c: char| c.is_alphanumeric() || c == '_';
    let named = |name: &&&str| {
        code.match_indices(**name).any(|(at, _)| {
            let (before, after) = (code[..at].trim_end(), code[at + name.len()..].trim_start());
            let whole = !code[..at].ends_with(joined) && !code[at + name.len()..].starts_with(joined);
            let import = before.ends_with("use") || before.ends_with("extern crate");
            whole && !before.ends_with("::") && (import || after.starts_with("::"))
        })
    };
    if path.starts_with(BACKEND) {
        return Vec::new();
    }
    CRYPTO.iter().filter(named).map(|name| format!("{path}: names {name}")).collect()
}

#[test]
fn no_files_need_each_other() {
    let found: Vec<_> = CRATES.iter().flat_map(|source| circles(source, &product(source))).collect();
    assert_eq!(held_against(&found, &CIRCLES_LEFT), [""; 0]);
    let files: usize = CRATES.iter().map(|source| read(&product(source)).arrows().len()).sum();
    assert!(files > 120, "the files are read: {files}");
    let arrows = product("oidc-proto/src/");
    assert!(
        read(&arrows).arrows()["resource/judge.rs"].contains("sender/verify.rs"),
        "the imports are read, too"
    );
}

#[test]
fn inside_a_folder_rooms_use_only_earlier_ones() {
    let found = INSIDE.iter().flat_map(|(source, folder, file, stages)| {
        let found = against_the_stages(&product(source), folder, *file, stages);
        found.into_iter().map(move |(path, what)| (format!("{source}{path}"), what))
    });
    assert_eq!(held_against(&found.collect::<Vec<_>>(), &ARROWS_LEFT), [""; 0]);
}

#[test]
fn no_folder_is_crowded() {
    let files = sources();
    let paths = files.iter().map(|(path, _)| &**path);
    let found = crowds(paths.filter(|path| CRATES.iter().any(|source| path.starts_with(source))));
    assert_eq!(held_against(&found, &CROWDS_LEFT), [""; 0]);
}

#[test]
fn only_one_room_uses_the_crypto_crate() {
    let files = product("oidc-proto/src/");
    let wrong: Vec<_> = files.iter().flat_map(|(path, code)| crypto(path, code)).collect();
    assert_eq!(wrong, [""; 0]);
    assert!(files.iter().any(|(path, code)| path.starts_with(BACKEND) && code.contains("ring")));
}

/// Files in the form that a check takes.
fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(path, code)| ((*path).to_owned(), super::code(code))).collect()
}

#[test]
fn a_circle_is_found_in_its_folder() {
    let of = |other: &str| {
        let two = [("a/mod.rs", "mod one; mod two; pub use one::One;"), ("a/two.rs", "pub struct Two;")];
        let [parent, two] = two;
        files(&[
            ("lib.rs", "mod a;"),
            parent,
            two,
            ("a/one.rs", "use super::two::Two; pub struct One;"),
            ("b.rs", other),
        ])
    };
    assert_eq!(circles("x/src/", &of("use crate::a::One;")), []);
    let mut circle = of("");
    circle[2].1.push_str(" fn f(_: super::One) {}");
    let found = [("x/src/a/".to_owned(), "a/one.rs needs a/two.rs".to_owned())];
    assert_eq!(circles("x/src/", &circle), found);
    assert_eq!(held_against(&found, &[]), ["x/src/a/: a/one.rs needs a/two.rs"]);
    assert_eq!(held_against(&found, &["x/src/"]), [""; 0], "on the list");
    assert_eq!(held_against(&[], &["x/src/"]).len(), 1, "on the list for nothing");
}

#[test]
fn an_arrow_against_the_stages_is_found() {
    const STAGES: Stages = &[&["low"], &["left", "right"]];
    let wrong = |from: &str, used: &str, single: bool| {
        let code = format!("use crate::f::{used}::X; fn f() {{}}");
        let all = [
            ("lib.rs", "mod f;"),
            ("f/mod.rs", "mod low; mod left; mod right; mod other;"),
            ("f/low/mod.rs", "pub struct X;"),
            ("f/left/mod.rs", "mod x; pub use x::X;"),
            ("f/left/x.rs", "pub struct X;"),
            ("f/right.rs", "pub struct X;"),
            ("f/other.rs", "pub struct X;"),
            (from, &code),
        ];
        against_the_stages(&files(&all), "f/", single, STAGES).len()
    };
    for (from, used) in [("f/low/y.rs", "left"), ("f/left/y.rs", "right"), ("f/right/y.rs", "left")] {
        assert_eq!(wrong(from, used, true), 1, "{from} uses {used}");
    }
    for (from, used) in [("f/left/y.rs", "low"), ("f/left/y.rs", "left"), ("f/low/y.rs", "other")] {
        assert_eq!(wrong(from, used, true), 0, "{from} uses {used}");
    }
    assert_eq!(wrong("f/left/y.rs", "right", false), 0, "a file is a room only where the flag says so");
}

#[test]
fn a_folder_of_thirteen_files_is_found() {
    let folder = |files: usize| (0..files).map(|file| format!("src/a/{file}.rs")).collect::<Vec<_>>();
    let of =
        |files: usize| crowds(folder(files).iter().map(String::as_str).chain(["src/b.rs", "src/a/b/c.rs"]));
    assert_eq!(of(12), []);
    assert_eq!(of(13), [("src/a/".to_owned(), "13 files".to_owned())]);
}

#[test]
fn a_crypto_crate_outside_its_room_is_found() {
    for bad in [
        "use ring::digest;",
        "use ring;",
        "extern crate ring;",
        "pub use ring::rand;",
        "fn f() { ring::digest::digest(x) }",
        "fn f() -> ring :: hmac :: Tag {}",
    ] {
        assert_eq!(crypto("jose/x.rs", &super::code(bad)), ["jose/x.rs: names ring"], "{bad}");
        assert_eq!(crypto("backend/x.rs", &super::code(bad)), [""; 0], "{bad}");
    }
    for good in ["use super::ring;", "fn ring() { string::ring(); }", "// ring::digest", "let ring = 1;"] {
        assert_eq!(crypto("jose/x.rs", &super::code(good)), [""; 0], "{good}");
    }
}
