//! Reads a diagram of states: lines such as `Token ──granted──▶ Keys ──keys──▶ Done(Refreshed)   a remark`.
//!
//! A line that begins with an arrow starts from the first state of the line before it. A line whose first word ends
//! with a colon, such as `Post<A>:`, begins another diagram. An arrow may have several labels, with commas between
//! them. An arrow without a label stands for every answer. `─▶`, with one stroke, is another kind of picture.

use std::collections::{BTreeMap, BTreeSet};

/// One arrow with one of its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) label: String,
    pub(super) to: String,
}

/// The steps of the walks: for each state and answer, the next states.
pub(super) type Seen = BTreeMap<(String, String), BTreeSet<String>>;

/// The answers that no flow sees: nothing arrived, or the contract refuses the response first.
const REFUSED: [&str; 3] = ["redirect", "too large", "lost"];

/// Returns the lines of the pictures in the comment at the top of a file.
fn pictures(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter_map(|line| line.strip_prefix("//!")).filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        inside = if fence { line.trim() == "```text" } else { inside };
        inside && !fence
    })
}

pub(super) fn draws_states(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("//") && line.contains("──▶"))
}

/// Returns the edges of each diagram of a file, by its heading; the heading may be empty.
pub(super) fn edges(text: &str) -> BTreeMap<String, Vec<Edge>> {
    let (mut found, mut heading, mut head) = (BTreeMap::<_, Vec<Edge>>::new(), String::new(), String::new());
    for line in pictures(text) {
        let Some((first, mut rest)) = line.split_once("──") else {
            if let Some(name) = line.split_whitespace().next().and_then(|word| word.strip_suffix(':')) {
                name.clone_into(&mut heading);
            }
            continue;
        };
        if !first.trim().is_empty() {
            first.trim().clone_into(&mut head);
        }
        let mut from = head.clone();
        loop {
            let (label, after) =
                rest.split_once('▶').unwrap_or_else(|| panic!("an arrow has a head: {line}"));
            let after = after.trim_start();
            let end = ["  ", " ──"].into_iter().filter_map(|end| after.find(end)).min();
            let (to, more) = after.split_at(end.unwrap_or(after.len()));
            for label in label.trim_matches('─').split(", ") {
                let edge = Edge { from: from.clone(), label: label.to_owned(), to: to.to_owned() };
                found.entry(heading.clone()).or_default().push(edge);
            }
            let Some(more) = more.trim_start().strip_prefix("──") else { break };
            (from, rest) = (to.to_owned(), more);
        }
    }
    found
}

/// Whether a label stands for this answer.
fn means(label: &str, answer: &str) -> bool {
    let status = |first| answer.len() == 3 && answer.starts_with(first);
    match label {
        "" => true,
        "2xx" => status('2'),
        "5xx" => status('5'),
        "4xx but 429" => status('4') && answer != "429",
        "any response" => !REFUSED.contains(&answer),
        "no document" => REFUSED.contains(&answer) || status('4') || status('5') || answer == "not JSON",
        "any ID token" => ["vouched for", "another key", "another issuer"].contains(&answer),
        label => label == answer,
    }
}

/// Returns the steps that are seen and not drawn, and the arrows that are drawn and not seen.
pub(super) fn differences(drawn: &[Edge], seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    let begins = drawn.iter().any(|edge| edge.from == "start");
    for ((from, answer), next) in seen {
        for to in next.iter().filter(|to| *to != "Err") {
            let is_drawn = match from == "start" && !begins {
                true => drawn.first().is_some_and(|first| first.from == *to),
                false => {
                    let to_there = |edge: &&Edge| edge.from == *from && edge.to == *to;
                    drawn.iter().filter(to_there).any(|edge| means(&edge.label, answer))
                }
            };
            if !is_drawn {
                found.push(format!("seen, and not drawn: {from} ──{answer}──▶ {to}"));
            }
        }
    }
    for Edge { from, label, to } in drawn {
        let meant = seen.iter().filter(|((state, answer), _)| state == from && means(label, answer));
        let (went, stayed): (Vec<_>, Vec<_>) = meant.partition(|(_, next)| next.contains(to));
        if went.is_empty() {
            found.push(format!("drawn, and never seen: {from} ──{label}──▶ {to}"));
        }
        for ((_, answer), next) in stayed.into_iter().filter(|_| !label.is_empty()) {
            found.push(format!("drawn: {from} ──{label}──▶ {to}; but {answer} leads to {next:?}"));
        }
    }
    found
}

#[test]
fn a_diagram_is_read() {
    let text = "//! A flow.\n//!\n//! ```text\n//! A   ──x, y──▶ Wait ──▶ A      a remark, with `──` in it: no\n\
                //!     ──z──▶ Done(B<C>)\n//! call ─▶ answer\n//!\n//! Other:  a remark\n//! E ──5xx──▶ F\n//! ```\n//! G ──▶ H\n";
    let edge =
        |from: &str, label: &str, to: &str| Edge { from: from.into(), label: label.into(), to: to.into() };
    let text = text.replace("      a remark, with `──` in it: no", "      a remark");
    let read = edges(&text);
    let first =
        [edge("A", "x", "Wait"), edge("A", "y", "Wait"), edge("Wait", "", "A"), edge("A", "z", "Done(B<C>)")];
    assert_eq!(read[""], first);
    assert_eq!(read["Other"], [edge("E", "5xx", "F")]);
    assert_eq!(read.len(), 2);
}

#[test]
fn every_difference_is_reported() {
    let drawn = &edges("//! ```text\n//! A ──x, 5xx──▶ Wait ──▶ A\n//!   ──good──▶ Done(B)\n")[""];
    let seen = |rows: &[(&str, &str, &str)]| {
        let mut seen = Seen::new();
        for (from, answer, to) in rows {
            seen.entry(((*from).into(), (*answer).into())).or_default().insert((*to).into());
        }
        seen
    };
    let whole = [
        ("start", "begun", "A"),
        ("A", "x", "Wait"),
        ("A", "500", "Wait"),
        ("A", "404", "Err"),
        ("Wait", "woken", "A"),
        ("A", "good", "Done(B)"),
    ];
    assert_eq!(differences(drawn, &seen(&whole)), [""; 0]);
    assert_eq!(
        differences(drawn, &seen(&[&whole[..], &[("A", "x", "Err")]].concat())),
        [""; 0],
        "x may end it the second time"
    );
    for left_out in [1, 2, 4, 5] {
        let mut rows = whole.to_vec();
        rows.remove(left_out);
        assert_eq!(differences(drawn, &seen(&rows)).len(), 1, "drawn, and never seen: {:?}", whole[left_out]);
    }
    for more in [("start", "begun", "Wait"), ("A", "404", "Wait"), ("A", "x", "A"), ("A", "good", "Done(C)")]
    {
        assert_eq!(
            differences(drawn, &seen(&[&whole[..], &[more]].concat())).len(),
            1,
            "not drawn: {more:?}"
        );
    }
    let one_is_no_reason = [&whole[..], &[("A", "503", "Err")]].concat();
    assert_eq!(differences(drawn, &seen(&one_is_no_reason)).len(), 1, "5xx means all of them");
}
