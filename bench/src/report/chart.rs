//! The charts.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use super::Report;
use crate::case::Pair;
use crate::figure::Figure;
use crate::scenario::Curve;
use crate::statistics::of_pair;

const SIZE: (u32, u32) = (900, 480);
const FONT: &str = "sans-serif";
/// How high a chart is in relation to the highest value, so that the names above cover none.
const ROOM_FOR_NAMES: f64 = 1.5;
/// The same on a logarithmic axis, where a factor is a length.
const FACTOR_FOR_NAMES: f64 = 4.0;
/// A logarithmic axis begins so much below the lowest value.
const FACTOR_BELOW: f64 = 1.25;
const COLOURS: [RGBColor; 8] = [
    RGBColor(0x77, 0x77, 0x77),
    RGBColor(0xD9, 0x5F, 0x02),
    RGBColor(0x1B, 0x9E, 0x77),
    RGBColor(0x75, 0x70, 0xB3),
    RGBColor(0xE7, 0x29, 0x8A),
    RGBColor(0x66, 0xA6, 0x1E),
    RGBColor(0xE6, 0xAB, 0x02),
    RGBColor(0xA6, 0x76, 0x1D),
];

/// Draws a bar chart for every scenario and a line chart for every curve.
pub(super) fn draw(report: &Report, folder: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    for (scenario, runs) in &report.results {
        let Some(&figure) = scenario.shows.first() else {
            continue;
        };
        if scenario.point.is_some_and(|(curve, _)| curve == Curve::InFlight) {
            continue;
        }
        let bars: Vec<(Pair, f64)> = runs
            .iter()
            .filter_map(|runs| Some((runs.pair, runs.spread(figure)?.median)))
            .collect();
        let path = folder.join(format!("{}.svg", scenario.id));
        draw_bars(&path, &scenario.title, figure, &bars).map_err(|error| error.to_string())?;
    }
    for (curve, figure, file, title, axis) in [
        (
            Curve::Peers,
            Figure::ServerCpuPerMessage,
            "peers.svg",
            "Cost of a message against the number of peers",
            "peers",
        ),
        (
            Curve::InFlight,
            Figure::CpuPerMessage,
            "in-flight.svg",
            "Cost of a message against the messages under way",
            "messages under way",
        ),
    ] {
        let lines = lines(report, curve, figure);
        if lines.values().any(|line| line.len() > 1) {
            draw_lines(&folder.join(file), title, axis, figure, &lines).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

type Lines = BTreeMap<Pair, Vec<(f64, f64)>>;

fn lines(report: &Report, curve: Curve, figure: Figure) -> Lines {
    let mut lines = Lines::new();
    for (scenario, runs) in &report.results {
        let Some((_, at)) = scenario.point.filter(|(of, _)| *of == curve) else {
            continue;
        };
        for pair in &scenario.pairs {
            if let Some(spread) = of_pair(runs, *pair).and_then(|runs| runs.spread(figure)) {
                lines.entry(*pair).or_default().push((at, spread.median));
            }
        }
    }
    lines
}

fn draw_bars(path: &Path, title: &str, figure: Figure, bars: &[(Pair, f64)]) -> Result<(), Box<dyn Error>> {
    let highest = bars.iter().map(|bar| bar.1).fold(0.0, f64::max);
    if highest <= 0.0 {
        return Ok(());
    }
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..bars.len() as f64, 0.0..highest * ROOM_FOR_NAMES)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_desc(figure.name())
        .y_label_formatter(&|value| super::markdown::short(*value))
        .draw()?;
    for (index, (pair, value)) in bars.iter().enumerate() {
        let (left, colour) = (index as f64, COLOURS[index % COLOURS.len()]);
        chart
            .draw_series([Rectangle::new(
                [(left + 0.1, 0.0), (left + 0.9, *value)],
                colour.filled(),
            )])?
            .label(format!("{pair}: {}", super::markdown::short(*value)))
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}

fn draw_lines(path: &Path, title: &str, axis: &str, figure: Figure, lines: &Lines) -> Result<(), Box<dyn Error>> {
    let points = || lines.values().flatten();
    let right = points().map(|point| point.0).fold(1.0, f64::max);
    let left = points().map(|point| point.0).fold(right, f64::min);
    let highest = points().map(|point| point.1).fold(0.0, f64::max);
    let lowest = points().map(|point| point.1).fold(highest, f64::min);
    if lowest <= 0.0 {
        return Ok(());
    }
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(80)
        .build_cartesian_2d(
            (left..right).log_scale(),
            (lowest / FACTOR_BELOW..highest * FACTOR_FOR_NAMES).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc(axis)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_desc(figure.name())
        .y_label_formatter(&|value| super::markdown::short(*value))
        .draw()?;
    for (index, (pair, line)) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        chart
            .draw_series(LineSeries::new(line.iter().copied(), colour.stroke_width(2)).point_size(4))?
            .label(pair.to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}
