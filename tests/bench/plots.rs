//! Draws bars of ratios as SVG.

use crate::{
    measuring::{Measured, quick},
    report::docs,
};
use plotters::prelude::*;

/// Draws one bar for each contender and algorithm into `docs/NAME.svg`. `shown` are the contenders to draw.
pub fn bars(name: &str, caption: &str, columns: &[(String, Vec<Measured>)], shown: &[&str]) {
    if quick() {
        return;
    }
    let path = docs().join(format!("{name}.svg"));
    let highest = columns
        .iter()
        .flat_map(|(_, measured)| measured.iter().filter(|one| shown.contains(&one.name.as_str())))
        .fold(1.0f64, |highest, one| highest.max(one.ratio));
    let root = SVGBackend::new(&path, (960, 420)).into_drawing_area();
    root.fill(&WHITE).expect("a drawing");
    let wide = shown.len() as f64 + 1.0;
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(46)
        .build_cartesian_2d(0.0..wide * (columns.len() as f64 + 1.8), 0.0..highest * 1.1)
        .expect("a drawing");
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .y_desc("ratio to ring alone")
        .light_line_style(TRANSPARENT)
        .draw()
        .expect("a drawing");
    for (column, (name, _)) in columns.iter().enumerate() {
        let middle = wide * column as f64 + wide / 2.0 - 0.5;
        let style = ("sans-serif", 13).into_font().color(&BLACK);
        let at = chart.backend_coord(&(middle, 0.0));
        root.draw_text(name, &style, (at.0 - 4 * name.len() as i32 + 8, at.1 + 8)).expect("a drawing");
    }
    for (place, contender) in shown.iter().enumerate() {
        let color = Palette99::pick(place).to_rgba();
        let bars = columns.iter().enumerate().filter_map(|(column, (_, measured))| {
            let one = measured.iter().find(|one| one.name == *contender)?;
            let left = wide * column as f64 + place as f64;
            Some(Rectangle::new([(left, 0.0), (left + 0.9, one.ratio)], color.filled()))
        });
        chart
            .draw_series(bars)
            .expect("a drawing")
            .label(contender.replace('`', ""))
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], color.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .draw()
        .expect("a drawing");
    root.present().expect("a drawing");
}
