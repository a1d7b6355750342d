//! The table in `docs/keys.md`. It must equal the result of the simulation, or the test fails.
//! `OIDC_BLESS=1` writes it again.

use crate::{
    Results,
    cells::{Cell, Flood, OUTAGES, ROTATIONS, Rotation},
    peers::Which,
    picture,
    simulation::Outcome,
};
use std::{fmt::Write as _, fs, path::PathBuf};

const BEGIN: &str =
    "<!-- from here on by tests/matrix: OIDC_BLESS=1 cargo test -p oidc-tests --test matrix -->";
const END: &str = "<!-- up to here -->";

fn docs(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "docs", file].iter().collect()
}

pub fn check(results: &Results) {
    let text = fs::read_to_string(docs("keys.md")).expect("docs/keys.md");
    let (before, rest) = text.split_once(BEGIN).expect("where the tables begin");
    let (_, after) = rest.split_once(END).expect("where the tables end");
    let wanted = format!("{before}{BEGIN}\n\n{}{END}{after}", tables(results));
    let drawn = picture::draw(results);
    if std::env::var_os("OIDC_BLESS").is_some() {
        fs::write(docs("keys.md"), &wanted).expect("docs can be written");
        fs::write(docs("keys.svg"), &drawn).expect("docs can be written");
    }
    let hint = "it is not what the simulation yields; OIDC_BLESS=1 writes it anew";
    assert!(fs::read_to_string(docs("keys.md")).expect("docs/keys.md") == wanted, "docs/keys.md: {hint}");
    assert!(fs::read_to_string(docs("keys.svg")).is_ok_and(|held| held == drawn), "docs/keys.svg: {hint}");
}

/// The share of valid tokens that were accepted, in percent.
pub fn share<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> f64 {
    let (good, accepted) =
        outcomes.fold((0, 0), |sum, outcome| (sum.0 + outcome.good, sum.1 + outcome.good_accepted));
    100.0 * accepted as f64 / good as f64
}

fn span(seconds: i64) -> String {
    match seconds {
        0 => "no outage".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

fn table(title: &str, columns: &[String], row: impl Fn(Which, usize) -> String) -> String {
    let mut text = format!("**{title}**\n\n| |");
    for column in columns {
        write!(text, " {column} |").expect("a string");
    }
    write!(text, "\n|---|{}\n", "---:|".repeat(columns.len())).expect("a string");
    for which in Which::ALL {
        write!(text, "| {} |", which.name()).expect("a string");
        for column in 0..columns.len() {
            write!(text, " {} |", row(which, column)).expect("a string");
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

fn tables(results: &Results) -> String {
    let outages: Vec<_> = OUTAGES.map(span).into();
    let cells = |which, flood: Option<Flood>, rotation: Option<Rotation>, outage: i64| {
        results.of(which, move |cell: &Cell| {
            cell.issuers == 1
                && cell.outage == outage
                && flood.is_none_or(|flood| cell.flood == flood)
                && rotation.is_none_or(|rotation| cell.rotation == rotation)
        })
    };
    let mut text = String::new();
    for rotation in ROTATIONS {
        let title = format!("Good tokens accepted, in percent; {}", name(rotation));
        text += &table(&title, &outages, |which, at| {
            format!("{:.1}", share(cells(which, None, Some(rotation), OUTAGES[at])))
        });
    }
    text += &table("Fetches in the worst hour, without forged tokens", &outages, |which, at| {
        let worst = cells(which, Some(Flood::Off), None, OUTAGES[at]).map(|outcome| outcome.fetches_per_hour);
        worst.max().unwrap_or(0).to_string()
    });
    text +=
        &table("Fetches in the worst hour, with a hundred forged tokens a second", &outages, |which, at| {
            let worst =
                cells(which, Some(Flood::On), None, OUTAGES[at]).map(|outcome| outcome.fetches_per_hour);
            worst.max().unwrap_or(0).to_string()
        });
    text += &table("Seconds for which a withdrawn key was accepted, at worst", &outages, |which, at| {
        let worst = cells(which, None, None, OUTAGES[at]).map(|outcome| outcome.withdrawn_seconds);
        worst.max().unwrap_or(0).to_string()
    });
    text += &table("Seconds that a request waited, at worst", &outages, |which, at| {
        cells(which, None, None, OUTAGES[at])
            .map(|outcome| outcome.wait_seconds)
            .max()
            .unwrap_or(0)
            .to_string()
    });
    let issuers = [1, 10, 1_000];
    let columns: Vec<_> = ["1 issuer", "10 issuers", "1,000 issuers"].map(str::to_owned).into();
    text += &table(
        "Keys held, at most (every issuer publishes one, or two while it rotates)",
        &columns,
        |which, at| {
            let most = results.of(which, |cell| cell.issuers == issuers[at]).map(|outcome| outcome.keys_held);
            most.max().unwrap_or(0).to_string()
        },
    );
    text += &table(
        "Good tokens refused at issuers that were up, while every second one was down",
        &columns[1..],
        |which, at| {
            let lost =
                results.of(which, |cell| cell.issuers == issuers[at + 1]).map(|outcome| outcome.healthy_lost);
            lost.sum::<u64>().to_string()
        },
    );
    let columns = ["started one a second, behind one cache", "started together"].map(str::to_owned);
    text += &table(
        "Fetches of 500 nodes in the worst second after their start, at a provider that is up",
        &columns,
        |which, at| results.herd(which)[at].to_string(),
    );
    text
}

fn name(rotation: Rotation) -> &'static str {
    match rotation {
        Rotation::None => "no rotation",
        Rotation::Announced => "rotation announced before the outage",
        Rotation::Hard => "hard rotation in the middle of the outage",
        Rotation::Emergency => "emergency rotation as the outage begins",
    }
}
