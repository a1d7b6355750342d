//! Prints tables, and puts them between their markers in `docs/performance.md`.

use crate::measuring::{Measured, quick};
use std::{fs, path::PathBuf};

/// The folder of the documents.
pub fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Prints a section, and writes it into the document unless the run is for a look only.
pub fn section(name: &str, text: &str) {
    println!("## {name}\n\n{text}");
    if quick() {
        return;
    }
    let path = docs().join("performance.md");
    let document = fs::read_to_string(&path).expect("the document");
    let (begin, end) = (format!("<!-- bench: {name} -->\n"), format!("<!-- end: {name} -->"));
    let start = document.find(&begin).expect("the marker of the section") + begin.len();
    let stop = start + document[start..].find(&end).expect("the marker after the section");
    let written = format!("{}\n{}\n\n{}", &document[..start], text.trim_end(), &document[stop..]);
    fs::write(&path, written).expect("the document is written");
}

/// A table in Markdown.
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// A table with one row for each contender and one column for each measurement.
    pub fn of_ratios(first: &str, columns: &[(String, Vec<Measured>)]) -> Self {
        let names = columns.iter().map(|(name, _)| name.clone());
        let mut table = Self::new([first.to_owned()].into_iter().chain(names));
        for (place, row) in columns[0].1.iter().enumerate() {
            let cells = columns.iter().map(|(_, measured)| {
                let one = measured.iter().find(|one| one.name == row.name);
                one.map_or_else(|| "–".to_owned(), |one| ratio(one, place == 0))
            });
            table.row([row.name.clone()].into_iter().chain(cells).collect());
        }
        table
    }

    pub fn text(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = line(&self.columns);
        text += &format!("|{}\n", "---|".repeat(self.columns.len()));
        for row in &self.rows {
            text += &line(row);
        }
        text
    }
}

/// A ratio as median, minimum and allocations. The measure of the others shows its time instead.
fn ratio(measured: &Measured, first: bool) -> String {
    let Measured { ratio, least_ratio, allocations, .. } = measured;
    if first {
        return format!("{}, {allocations}", micros(measured.median));
    }
    format!("{ratio:.2} / {least_ratio:.2}, {allocations}")
}

/// A time in microseconds.
pub fn micros(nanoseconds: f64) -> String {
    format!("{:.2} µs", nanoseconds / 1000.0)
}

/// A table with one row for each contender: time, ratios, allocations.
pub fn times(first: &str, measured: &[Measured]) -> Table {
    let mut table = Table::new([first, "time", "ratio: median / minimum", "allocations"]);
    for one in measured {
        let ratios = format!("{:.3} / {:.3}", one.ratio, one.least_ratio);
        table.row(vec![one.name.clone(), micros(one.median), ratios, one.allocations.to_string()]);
    }
    table
}

/// The load of the machine: how many tasks want a core, on average over the last minute.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("unknown").to_owned()
}

/// What the machine is.
pub fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores that the program may use", model.trim_start_matches([' ', '\t', ':']))
}
