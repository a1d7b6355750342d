//! Runs the code of the guides in `docs/migrate-*.md` against a provider, to the letter, and checks that
//! the names in the guides exist.

mod jsonwebtoken;
mod openidconnect;
mod py_identity_model;

use crate::shown::{block, names, shown};
use oidc_proto::UrlPolicy;
use oidc_testkit::{Browser, Registration, Socket, TestProvider};
use std::{fs, path::Path};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

const GUIDES: [(&str, &str, &str); 3] = [
    ("migrate-jsonwebtoken.md", include_str!("jsonwebtoken.rs"), "rust,ignore"),
    ("migrate-openidconnect.md", include_str!("openidconnect.rs"), "rust,ignore"),
    ("migrate-py-identity-model.md", include_str!("py_identity_model.rs"), "python"),
];

const API: &str = "https://api.example/";
const CALLBACK: &str = "https://app.example/callback";

/// A provider where the client of the guides is registered.
fn socket() -> Socket {
    Socket::start(|issuer| {
        let mut provider = TestProvider::new(issuer);
        provider.default_resource(API);
        provider.rotate_refresh_tokens(true);
        let grants = ["authorization_code", "refresh_token", "client_credentials"];
        let client = Registration::basic("my-client", "my secret").grant_types(grants);
        provider.register(client.redirect_uri(CALLBACK));
        provider
    })
}

fn loopback() -> UrlPolicy {
    UrlPolicy::default().with_loopback()
}

/// The user's browser: the user agrees to everything and comes back.
fn visit(socket: &Socket, url: &url::Url) -> String {
    socket.provider(|provider| Browser::new().visit(provider, url, oidc_drive::now()).url().to_owned())
}

fn guide(name: &str) -> String {
    fs::read_to_string(format!("{ROOT}/docs/{name}")).expect("a guide")
}

#[test]
fn the_guides_show_only_this_rust_code_of_the_project() {
    for (name, source, _) in GUIDES {
        let (guide, names) = (guide(name), names(source, "GUIDE"));
        for snippet in &names {
            let block = block(&shown(source, "GUIDE", snippet));
            assert!(guide.contains(&block), "{name} does not show:\n{block}");
        }
        assert_eq!(guide.matches("```rust\n").count(), names.len(), "{name}: every block is in its test");
    }
}

#[test]
fn code_of_other_libraries_is_marked_as_such() {
    for (name, _, other) in GUIDES {
        let guide = guide(name);
        let fences: Vec<&str> = guide.lines().filter_map(|line| line.strip_prefix("```")).collect();
        let opened: Vec<&str> = fences.iter().copied().step_by(2).collect();
        assert!(fences.iter().skip(1).step_by(2).all(|end| end.is_empty()), "{name}: {fences:?}");
        assert!(opened.iter().all(|language| ["rust", other].contains(language)), "{name}: {opened:?}");
        assert!(opened.contains(&other), "{name}: before and after");
    }
}

/// Every line of Rust of the library and its adapters.
fn library() -> String {
    let (mut text, mut folders) = (String::new(), vec![Path::new(ROOT).join("oidc-proto/src")]);
    let adapters = fs::read_dir(Path::new(ROOT).join("oidc-adapters")).expect("a folder").flatten();
    folders.extend(adapters.map(|adapter| adapter.path().join("src")).filter(|sources| sources.is_dir()));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
                text += &fs::read_to_string(entry.path()).expect("text");
            }
        }
    }
    text
}

/// The names in the right column of a guide's tables that the library does not have.
fn unknown<'g>(guide: &'g str, library: &str) -> Vec<&'g str> {
    let rows = guide.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let names = words.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'));
    names.filter(|name| name.len() > 3 && !library.contains(name)).collect()
}

#[test]
fn every_name_in_the_tables_of_the_guides_exists() {
    let library = library();
    for (name, ..) in GUIDES {
        let guide = guide(name);
        assert!(guide.lines().filter(|line| line.starts_with("| ")).count() > 10, "{name} has a table");
        assert_eq!(unknown(&guide, &library), [""; 0], "{name}");
    }
    assert_eq!(unknown("| `old` | `Client::no_such_method` |", &library), ["no_such_method"]);
}
