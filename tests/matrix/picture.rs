//! The picture in `docs/keys.svg`.

use crate::{Results, cells::OUTAGES, document::share, peers::Which};
use plotters::prelude::*;

const SIZE: (u32, u32) = (900, 640);
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 90, 181),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(120, 120, 120),
];

struct Panel<'p> {
    title: &'p str,
    top: i32,
    /// The height of a bar, from 0 to 1, and the text above it.
    bar: &'p dyn Fn(Which, i64) -> (f64, String),
}

/// Draws two rows of bars: the users' view, and the provider's view.
pub fn draw(results: &Results) -> String {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE).expect("a string takes all");
        for (at, which) in (0..).zip(Which::ALL) {
            let x = 60 + at * 160;
            let colour = COLOURS[usize::try_from(at).expect("an index")];
            area.draw(&Rectangle::new([(x, 14), (x + 14, 28)], colour.filled())).expect("drawn");
            area.draw(&Text::new(which.name(), (x + 20, 14), ("sans-serif", 15))).expect("drawn");
        }
        let one = |which, outage| results.of(which, move |cell| cell.issuers == 1 && cell.outage == outage);
        let accepted = |which, outage| {
            let share = share(one(which, outage));
            (share / 100.0, format!("{share:.0}"))
        };
        let fetches = |which, outage| {
            let worst = one(which, outage).map(|outcome| outcome.fetches_per_hour).max().unwrap_or(0);
            let short = if worst < 1_000 { worst.to_string() } else { format!("{}k", worst / 1_000) };
            ((worst.max(1) as f64).log10() / 6.0, short)
        };
        let panels = [
            Panel { title: "Good tokens accepted, in percent", top: 50, bar: &accepted },
            Panel { title: "Fetches in the worst hour (logarithmic)", top: 350, bar: &fetches },
        ];
        for Panel { title, top, bar } in panels {
            area.draw(&Text::new(title, (60, top), ("sans-serif", 18))).expect("drawn");
            let foot = top + 250;
            area.draw(&PathElement::new([(50, foot), (880, foot)], BLACK)).expect("drawn");
            for (group, outage) in (0..).zip(OUTAGES) {
                let left = 60 + group * 165;
                let label =
                    ["no outage", "30 s", "5 min", "30 min", "2 h"][usize::try_from(group).expect("five")];
                area.draw(&Text::new(label, (left + 40, foot + 8), ("sans-serif", 14))).expect("drawn");
                for (at, which) in (0..).zip(Which::ALL) {
                    let (height, says) = bar(which, outage);
                    let (x, top) = (left + at * 28, foot - (height * 200.0).round() as i32);
                    let colour = COLOURS[usize::try_from(at).expect("an index")];
                    area.draw(&Rectangle::new([(x, top), (x + 22, foot)], colour.filled())).expect("drawn");
                    area.draw(&Text::new(says, (x, top - 14), ("sans-serif", 11))).expect("drawn");
                }
            }
        }
        area.present().expect("a string takes all");
    }
    text
}
