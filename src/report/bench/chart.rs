//! Bars and curves as SVG that scales to the width of its container.

use std::fmt::Write;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 24.0;

const MAX_TICKS: usize = 6;

/// A mark on an axis.
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// The range of an axis, and its marks.
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<Tick>,
}

impl Axis {
    pub(super) fn new(low: f64, high: f64, mut ticks: Vec<Tick>) -> Self {
        let every = ticks.len().div_ceil(MAX_TICKS).max(1);
        let mut index = 0;
        ticks.retain(|_| {
            index += 1;
            (index - 1) % every == 0
        });
        Self { low, high, ticks }
    }

    /// From 0 to a round number not below `top`, with marks at round numbers.
    pub(super) fn rising(top: f64, label: impl Fn(f64) -> String) -> Self {
        let top = if top > 0.0 { top } else { 1.0 };
        let decade = 10f64.powf((top / 4.0).log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .map(|factor| factor * decade)
            .into_iter()
            .find(|step| step * 5.0 >= top)
            .unwrap_or(top);
        let marks = (top / step).ceil() as u32;
        let ticks = (0..=marks).map(|mark| {
            let at = f64::from(mark) * step;
            // Hides rounding errors.
            let at = (at * 1e6).round() / 1e6;
            Tick {
                at,
                label: label(at),
            }
        });
        Self {
            low: 0.0,
            high: f64::from(marks) * step,
            ticks: ticks.collect(),
        }
    }

    fn part(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

fn x_of(axis: &Axis, value: f64) -> f64 {
    LEFT + axis.part(value) * (WIDTH - LEFT - RIGHT)
}

fn y_of(axis: &Axis, value: f64) -> f64 {
    HEIGHT - BOTTOM - axis.part(value) * (HEIGHT - TOP - BOTTOM)
}

/// A bar for each `(from, below, value)`.
pub(super) fn bars(x: &Axis, y: &Axis, bars: &[(f64, f64, f64)]) -> String {
    framed(x, y, |svg| {
        for (from, below, value) in bars {
            let (left, right) = (x_of(x, *from), x_of(x, *below));
            let top = y_of(y, *value);
            let _ = write!(
                svg,
                "<rect class=\"bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                (right - left - 1.0).max(1.0),
                HEIGHT - BOTTOM - top
            );
        }
    })
}

/// A line through `(x, y)`.
pub(super) fn curve(x: &Axis, y: &Axis, points: &[(f64, f64)]) -> String {
    framed(x, y, |svg| {
        svg.push_str("<polyline class=\"curve\" points=\"");
        for (at, value) in points {
            let _ = write!(svg, "{:.1},{:.1} ", x_of(x, *at), y_of(y, *value));
        }
        svg.push_str("\"/>");
    })
}

/// The axes, and what `draw` puts between them. Writing to a String cannot fail.
fn framed(x: &Axis, y: &Axis, draw: impl FnOnce(&mut String)) -> String {
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\">");
    for tick in &y.ticks {
        let at = y_of(y, tick.at);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            tick.label
        );
    }
    for tick in &x.ticks {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x_of(x, tick.at),
            HEIGHT - 6.0,
            tick.label
        );
    }
    draw(&mut svg);
    svg.push_str("</svg>");
    svg
}
