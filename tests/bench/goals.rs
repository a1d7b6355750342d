//! The goals, and what was measured: a table that says for each whether it is met.

use crate::{measuring::Measured, report::Table};

/// The measurements of one table: a name and the contenders of each column.
pub type Columns = Vec<(String, Vec<Measured>)>;

/// A contender of a column.
fn find<'a>(columns: &'a Columns, column: &str, contender: &str) -> &'a Measured {
    let measured = columns.iter().find(|(name, _)| name == column).map(|(_, measured)| measured);
    one(measured.expect("the column"), contender)
}

/// A contender of a measurement.
pub fn one<'a>(measured: &'a [Measured], contender: &str) -> &'a Measured {
    measured.iter().find(|one| one.name == contender).expect("the contender")
}

/// The ratio of two contenders: by medians, and by minima.
type Ratio = (f64, f64);

fn over(above: &Measured, below: &Measured) -> Ratio {
    (above.ratio / below.ratio, above.least_ratio / below.least_ratio)
}

/// The table of goals.
pub struct Goals(Table);

impl Default for Goals {
    fn default() -> Self {
        Self(Table::new(["work", "goal", "by medians", "by minima", "met"]))
    }
}

/// A number as it is shown: with two digits after the point, or with three if it is small.
fn rounded(number: f64) -> f64 {
    let digits = if number < 0.1 { 1000.0 } else { 100.0 };
    (number * digits).round() / digits
}

fn show(number: f64) -> String {
    match rounded(number) {
        whole if whole.fract() == 0.0 && whole != 1.0 => format!("{whole:.0}"),
        small if small < 0.1 => format!("{small:.3}"),
        other => format!("{other:.2}"),
    }
}

const ASYMMETRIC: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

impl Goals {
    /// A goal for each of several measurements, or for the first ones. It is met if the medians meet it, as they are shown.
    pub fn row(&mut self, work: &str, goals: &[f64], measured: &[Ratio]) {
        self.compared(work, '≤', goals, measured);
    }

    fn compared(&mut self, work: &str, sign: char, goals: &[f64], measured: &[Ratio]) {
        let join = |numbers: Vec<String>| numbers.join(" / ");
        let met = |goal: &f64, by: f64| {
            let (goal, by) = (rounded(*goal), rounded(by));
            let met = if sign == '≤' { by <= goal } else { by >= goal };
            if met { "yes" } else { "no" }.to_owned()
        };
        self.0.row(vec![
            work.to_owned(),
            if goals.is_empty() {
                "none".to_owned()
            } else {
                format!("{sign} {}", join(goals.iter().map(|goal| show(*goal)).collect()))
            },
            join(measured.iter().map(|(median, _)| show(*median)).collect()),
            join(measured.iter().map(|(_, least)| show(*least)).collect()),
            join(goals.iter().zip(measured).map(|(goal, (median, _))| met(goal, *median)).collect()),
        ]);
    }

    /// The goals for tokens of half a kilobyte with four keys.
    pub fn paths(&mut self, columns: &Columns, names: [&str; 6]) {
        let [verify, gate, verify_aws, gate_aws, aws, eleven] = names;
        let to_first = |one: &Measured| (one.ratio, one.least_ratio);
        let to_ring = |contender| ASYMMETRIC.map(|column| to_first(find(columns, column, contender)));
        let to = |above, below| {
            ASYMMETRIC.map(|column| over(find(columns, column, above), find(columns, column, below)))
        };
        let algorithms = ASYMMETRIC.join(" / ");
        let goals = [1.05, 1.05, 1.02, 1.01, 1.03];
        self.row(&format!("{verify} × ring: {algorithms}"), &goals, &to_ring(verify));
        let goals = [1.10, 1.10, 1.05, 1.02, 1.06];
        self.row(&format!("{gate} × ring: {algorithms}"), &goals, &to_ring(gate));
        self.row(&format!("{verify_aws} × AWS-LC alone: {algorithms}"), &[1.05; 5], &to(verify_aws, aws));
        self.row(&format!("{verify_aws} × {eleven}: {algorithms}"), &[0.90; 5], &to(verify_aws, eleven));
        self.row(&format!("{gate_aws} × {eleven}: {algorithms}"), &[], &to(gate_aws, eleven));
        let hmac = [verify, gate].map(|contender| to_first(find(columns, "HS256", contender)));
        self.row("HS256 × HMAC: `verify` / `Gate::try_check`", &[2.6, 5.0], &hmac);
        let count = |contender, column, first| {
            let own = find(columns, column, contender).allocations;
            own.saturating_sub(if first { find(columns, column, "ring alone").allocations } else { 0 }) as f64
        };
        let most = |contender| {
            let all = ASYMMETRIC.map(|column| count(contender, column, true));
            let most = all.into_iter().fold(0.0, f64::max);
            (most, most)
        };
        let hit = count("`verify_cached`, a hit", "ES256", false);
        let work = "allocations besides ring's: `verify` / `Gate::try_check` / a hit of `verify_cached`";
        self.row(work, &[0.0, 6.0, 0.0], &[most(verify), most(gate), (hit, hit)]);
    }

    /// The goal of one contender in each of several measurements, relative to the first contender.
    pub fn relative(&mut self, work: &str, goals: &[f64], measured: &[&Measured]) {
        let ratios: Vec<_> = measured.iter().map(|one| (one.ratio, one.least_ratio)).collect();
        self.row(work, goals, &ratios);
    }

    /// The goal of one contender relative to another, in each column.
    pub fn over(&mut self, work: &str, goals: &[f64], columns: &Columns, [above, below]: [&str; 2]) {
        let ratios: Vec<_> =
            columns.iter().map(|(_, measured)| over(one(measured, above), one(measured, below))).collect();
        self.row(work, goals, &ratios);
    }

    /// The same, for a goal that is met from this number upwards in each column.
    pub fn at_least(&mut self, work: &str, goal: f64, columns: &Columns, [above, below]: [&str; 2]) {
        let ratios: Vec<_> =
            columns.iter().map(|(_, measured)| over(one(measured, above), one(measured, below))).collect();
        self.compared(work, '≥', &vec![goal; columns.len()], &ratios);
    }

    pub fn text(&self) -> String {
        self.0.text()
    }
}
