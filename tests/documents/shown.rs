//! Code that a document shows. It is in a test between two markers, and in the document to the letter.
//!
//!  ```text
//! // GUIDE: login        a marker, and a name
//! mod login {            the module is not shown
//!     pub fn ..          this is
//! }
//! // GUIDE: end
//! ```

/// The names that are marked in a source.
pub fn names<'s>(source: &'s str, mark: &str) -> Vec<&'s str> {
    let begin = format!("// {mark}: ");
    source.lines().filter_map(|line| line.strip_prefix(&*begin)).filter(|name| *name != "end").collect()
}

/// The code of this name, line by line, as the document shows it: without the module around it.
pub fn shown(source: &str, mark: &str, name: &str) -> Vec<String> {
    let (begin, end) = (format!("// {mark}: {name}"), format!("// {mark}: end"));
    let from = source.lines().skip_while(|line| *line != begin).skip(1);
    let lines: Vec<&str> = from.take_while(|line| *line != end).collect();
    let [_, inner @ .., _] = &*lines else { panic!("there is no module {name}") };
    inner.iter().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned()).collect()
}

/// The block of Rust that a document must have for these lines.
pub fn block(lines: &[String]) -> String {
    format!("```rust\n{}\n```", lines.join("\n"))
}
