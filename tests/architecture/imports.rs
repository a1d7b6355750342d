//! The imports between the files of a crate: every `use` and every path in the code, followed through
//! re-exports to the file that defines the name.

use std::collections::{BTreeMap, BTreeSet};

/// A path as segments, such as `crate`, `flow`, `Error`.
type Path = Vec<String>;

/// The references of one file to others.
#[derive(Debug, Default, PartialEq)]
struct Said {
    /// The modules that the file declares.
    declared: BTreeSet<String>,
    /// The names that the file imports or re-exports, each with its source path from the root of the crate.
    names: BTreeMap<String, Path>,
    /// The paths that the file uses, from the root of the crate.
    used: Vec<Path>,
    /// Whether the file only declares, imports and re-exports.
    only_declares: bool,
}

/// The files of one crate, by the path of their module.
pub struct Crate {
    files: BTreeMap<Path, (String, Said)>,
}

fn tokens(code: &str) -> Vec<&str> {
    let joined = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut rest) = (Vec::new(), code.trim_start());
    while let Some(c) = rest.chars().next() {
        let length = if joined(c) {
            rest.find(|c| !joined(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            c.len_utf8()
        };
        found.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    found
}

fn is_word(token: &str) -> bool {
    token.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The module of a file, from its path below `src`.
fn module_of(path: &str) -> Path {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let mut module: Path = path.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// A path that is written in a module, from the root of the crate. `None` if the path does not begin there.
fn absolute(module: &[String], path: &[String]) -> Option<Path> {
    let mut from = match path.first()?.as_str() {
        "crate" => Path::new(),
        "self" => module.to_vec(),
        "super" => module.split_last()?.1.to_vec(),
        _ => return None,
    };
    let mut rest = &path[1..];
    while rest.first().is_some_and(|first| first == "super") {
        from.pop();
        rest = &rest[1..];
    }
    from.extend(rest.iter().cloned());
    Some(from)
}

/// Finds the leaves of a `use` tree, each with its path and its local name. Returns the number of tokens of
/// the tree.
fn leaves(tokens: &[&str], before: &[String], found: &mut Vec<(Path, String)>) -> usize {
    let (mut path, mut at) = (before.to_vec(), 0);
    while let Some(&token) = tokens.get(at) {
        match token {
            "::" => {}
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    at += if tokens[at] == "," { 1 } else { leaves(&tokens[at..], &path, found).max(1) };
                }
                return at + 1;
            }
            "*" => {
                found.push((path, "*".to_owned()));
                return at + 1;
            }
            "as" => {
                found.push((path, tokens.get(at + 1).copied().unwrap_or_default().to_owned()));
                return at + 2;
            }
            // `self` in a group means the module itself.
            "self" if at == 0 && !before.is_empty() => {}
            token if is_word(token) => path.push(token.to_owned()),
            _ => break,
        }
        at += 1;
    }
    found.extend(path.last().cloned().map(|name| (path, name)));
    at
}

/// The number of tokens here that belong to an attribute or a visibility, which do not refer to other
/// files.
fn decoration(tokens: &[&str]) -> usize {
    let (open, close) = match tokens {
        ["#", "[", ..] | ["#", "!", "[", ..] => ("[", "]"),
        ["pub", "(", "crate" | "super" | "self" | "in", ..] => ("(", ")"),
        ["pub", ..] => return 1,
        _ => return 0,
    };
    let mut depth = 0_usize;
    let end = tokens.iter().position(|token| {
        depth += usize::from(*token == open);
        depth -= usize::from(*token == close);
        *token == close && depth == 0
    });
    end.map_or(tokens.len(), |end| end + 1)
}

fn read(file: &[String], code: &str) -> Said {
    let tokens = tokens(code);
    let mut said = Said { only_declares: true, ..Said::default() };
    let (mut module, mut outer, mut depth) = (file.to_vec(), Vec::new(), 0_usize);
    let (mut imports, mut paths, mut words) = (Vec::new(), Vec::new(), BTreeSet::new());
    let (mut at, mut public) = (0, false);
    while let Some(&token) = tokens.get(at) {
        let skip = decoration(&tokens[at..]);
        if skip > 0 {
            public = token == "pub";
            at += skip;
            continue;
        }
        let (next, after) = (tokens.get(at + 1).copied(), tokens.get(at + 2).copied());
        at += 1;
        match token {
            "use" => {
                let mut found = Vec::new();
                at += leaves(&tokens[at..], &[], &mut found);
                imports.extend(found.into_iter().map(|(path, name)| (module.clone(), path, name, public)));
            }
            "mod" if after == Some(";") => {
                said.declared.extend(next.filter(|_| module == file).map(str::to_owned));
                at += 1;
            }
            "mod" if after == Some("{") => {
                said.only_declares = false;
                module.extend(next.map(str::to_owned));
                outer.push(depth);
                at += 1;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if outer.last() == Some(&depth) {
                    outer.pop();
                    module.pop();
                }
            }
            ";" => {}
            token if is_word(token) => {
                said.only_declares = false;
                let mut path = vec![token.to_owned()];
                while tokens.get(at) == Some(&"::") && tokens.get(at + 1).is_some_and(|next| is_word(next)) {
                    path.push(tokens[at + 1].to_owned());
                    at += 2;
                }
                words.insert(token.to_owned());
                paths.extend((path.len() > 1).then(|| (module.clone(), path)));
            }
            _ => said.only_declares = false,
        }
        public = false;
    }
    let whole = |module: &[String], path: &[String], said: &Said| {
        absolute(module, path).or_else(|| {
            // The first segment is a module that is declared here, or an imported name.
            let (first, rest) = path.split_first()?;
            let declared = || said.declared.contains(first).then(|| [file, path].concat());
            said.names.get(first).map(|known| [&known[..], rest].concat()).or_else(declared)
        })
    };
    for (module, path, name, public) in imports {
        let Some(path) = whole(&module, &path, &said) else { continue };
        // A file does not depend on a name that it re-exports without using it.
        if !public || words.contains(&name) {
            said.used.push(path.clone());
        }
        said.names.insert(name, path);
    }
    let paths = paths.iter().filter_map(|(module, path)| whole(module, path, &said)).collect::<Vec<_>>();
    said.used.extend(paths);
    said
}

impl Crate {
    /// Reads the files of a crate: the path below `src`, and the code without comments and tests.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files.into_iter().map(|(path, code)| {
            let module = module_of(path);
            let said = read(&module, code);
            (module, (path.to_owned(), said))
        });
        Self { files: files.collect() }
    }

    /// The module of the file in which a path ends.
    fn defining(&self, path: &[String], depth: usize) -> Option<&Path> {
        let (mut end, mut module) = (0, self.files.get_key_value(&[][..])?);
        while let Some(child) = path.get(..=end).and_then(|path| self.files.get_key_value(path)) {
            (end, module) = (end + 1, child);
        }
        let (at, (_, said)) = module;
        let Some(whole) = path.get(end).and_then(|name| said.names.get(name)) else { return Some(at) };
        if depth == 0 || path == whole {
            return Some(at);
        }
        self.defining(&[whole, &path[end + 1..]].concat(), depth - 1)
    }

    /// The files that each file uses: the arrows of the crate.
    pub fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let counts = |said: &Said| !said.only_declares;
        let nodes = self.files.iter().filter(|(_, (_, said))| counts(said));
        nodes
            .map(|(module, (path, said))| {
                let used = said.used.iter().filter_map(|used| self.defining(used, 8));
                let used = used.filter(|used| *used != module).map(|used| &self.files[used]);
                (&**path, used.filter(|(_, said)| counts(said)).map(|(path, _)| &**path).collect())
            })
            .collect()
    }

    /// The circles: each set of files that need each other, once.
    pub fn circles(&self) -> Vec<Vec<&str>> {
        let arrows = self.arrows();
        let reached = |from: &str| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(file) = next.pop() {
                for used in arrows.get(file).into_iter().flatten() {
                    if seen.insert(*used) {
                        next.push(used);
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            arrows.keys().map(|file| (*file, reached(file))).collect();
        let circle = |file: &&str| -> Vec<&str> {
            let both = reached[*file].iter().filter(|other| reached[**other].contains(*file));
            both.copied().collect()
        };
        let circles: BTreeSet<Vec<&str>> =
            arrows.keys().map(circle).filter(|circle| !circle.is_empty()).collect();
        circles.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arrows of a crate with these files, as `from > to`.
    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let house = Crate::read(files.iter().copied());
        let all = house.arrows();
        all.iter().flat_map(|(from, to)| to.iter().map(move |to| format!("{from} > {to}"))).collect()
    }

    const ROOT: (&str, &str) = ("lib.rs", "pub mod a; pub mod b; pub use b::Two;");
    const OF_B: (&str, &str) =
        ("b/mod.rs", "mod two; pub(crate) mod three; pub use two::{Two, other as Else};");
    const TWO: (&str, &str) = ("b/two.rs", "pub struct Two; pub fn other() {}");
    const THREE: (&str, &str) = ("b/three.rs", "pub fn three() {}");

    #[test]
    fn an_import_is_followed_to_the_file_that_defines_the_name_in_every_spelling() {
        for code in [
            "use crate::b::Two; fn f() {}",
            "use crate::{b::{self, Two}, b::Else}; fn f() {}",
            "use crate::Two; fn f() {}",
            "use crate::b; fn f() { b::Two; }",
            "use crate::{b as c}; fn f() { c::Else() }",
            "use super::b::two::other; fn f() {}",
            "fn f() -> crate::b::Two { }",
            "fn f() -> super::b::Two { }",
            "fn f(_: Vec<crate::b::two::Two>) { }",
            "mod inside { use super::super::b::Two; fn f() {} }",
            "pub use crate::b::Two; fn f(_: Two) {}",
            "#[doc(hidden)]\n#[must_use] pub(in crate::b::three) fn f() -> Vec::<crate::Two> {}",
        ] {
            let code = ("a.rs", code);
            assert_eq!(arrows(&[ROOT, OF_B, TWO, THREE, code]), ["a.rs > b/two.rs"], "{code:?}");
        }
        let both = ("a.rs", "use crate::b::{three, Two}; fn f() { three::three() }");
        assert_eq!(arrows(&[ROOT, OF_B, TWO, THREE, both]), ["a.rs > b/three.rs", "a.rs > b/two.rs"]);
    }

    #[test]
    fn text_that_is_no_import_is_ignored() {
        for code in [
            "pub use crate::b::Two; fn f() {}",
            "use std::b::Two; use http::{b, Two}; fn f() { b::Two }",
            "mod inside { fn f() { super::g() } } fn g() {}",
            "pub(in crate::b::three) fn f() {}",
            "#[serde(with = crate::b::Two)] struct S; struct r#type;",
        ] {
            assert_eq!(arrows(&[ROOT, OF_B, TWO, THREE, ("a.rs", code)]), [""; 0], "{code}");
        }
    }

    #[test]
    fn a_circle_of_any_length_is_found_even_behind_reexports() {
        let circles = |files: &[(&str, &str)]| {
            let house = Crate::read(files.iter().copied());
            house.circles().iter().map(|circle| circle.join(" ")).collect::<Vec<_>>()
        };
        let (open, back) = ("use crate::b::Two; struct A;", "use crate::a::A; pub struct Two;");
        assert_eq!(circles(&[ROOT, OF_B, TWO, ("a.rs", open)]), [""; 0]);
        assert_eq!(circles(&[ROOT, OF_B, ("b/two.rs", back), ("a.rs", open)]), ["a.rs b/two.rs"]);
        let through = ("b/three.rs", "use super::super::a::A; pub fn three() {}");
        let two = ("b/two.rs", "pub struct Two; fn f() { super::three::three() }");
        assert_eq!(
            circles(&[ROOT, OF_B, two, through, ("a.rs", open)]),
            ["a.rs b/three.rs b/two.rs"],
            "three files, one of them by a path in the code"
        );
        // A parent that only declares and re-exports does not count as a file. A parent that defines
        // something does.
        let parent = ("b/mod.rs", "mod two; pub use two::Two; pub fn f(_: Two) {}");
        let child = ("b/two.rs", "pub struct Two; fn g() { super::f(Two) }");
        assert_eq!(circles(&[ROOT, parent, child, ("a.rs", "")]), ["b/mod.rs b/two.rs"]);
    }
}
