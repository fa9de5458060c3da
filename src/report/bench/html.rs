//! The result as a self-contained HTML page: no script, nothing loaded, light or dark like the
//! reader's system. The charts are SVG, drawn in `chart`.

use std::io::{self, Write};

use super::bins::fine_bins;
use super::chart::{self, Axis, Tick};
use crate::report::named::Named;
use crate::report::units::{per_second, round, seconds, short};
use bullhorn_client::bench::{PERCENTILES, RunResult, TIMELINE_STEP};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5d6875;--line:#d5dae0;--page:#fff;--bar:#2563b0}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaef;--soft:#9aa6b2;--line:#39424d;--page:#14181d;--bar:#6aa8f0}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1rem;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.3rem;overflow-wrap:anywhere;margin:0 0 .25rem}
h2{font-size:1rem;margin:0 0 .5rem}
p{margin:.25rem 0 1rem;color:var(--soft)}
.bad{color:var(--ink);border-left:4px solid #c2410c;padding-left:.6rem}
main{display:grid;gap:1.5rem}
.tables,.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.5rem}
section{min-width:0}
table{border-collapse:collapse;width:100%}
td,th{padding:.15rem 0;border-bottom:1px solid var(--line);text-align:left;font-weight:normal}
td{text-align:right;font-variant-numeric:tabular-nums}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}
.grid{stroke:var(--line);stroke-width:1}
.bar{fill:var(--bar)}
.curve{fill:none;stroke:var(--bar);stroke-width:2;stroke-linejoin:round}
";

/// The resolution of the curve of the rate.
const MAX_POINTS: usize = 120;

/// The whole page.
pub(crate) fn page(to: &mut dyn Write, measured: &RunResult) -> io::Result<()> {
    let named = Named {
        given: &measured.given,
        endpoint: &measured.endpoint,
    };
    let endpoint = escape(&named.to_string());
    writeln!(
        to,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>bullhorn bench {endpoint}</title>\n<style>{STYLE}</style></head><body>\n\
         <h1>bullhorn bench {endpoint}</h1>"
    )?;
    writeln!(to, "<p>{}</p>", escape(&what(measured)))?;
    if measured.generator_was_limit() {
        writeln!(
            to,
            "<p class=\"bad\">The generator was the limit: the server may be faster than this.</p>"
        )?;
    }
    if let Some(wrong) = &measured.record.first_wrong {
        let wrong = escape(&wrong.to_string());
        writeln!(to, "<p class=\"bad\">First wrong answer: {wrong}</p>")?;
    }
    writeln!(to, "<main><div class=\"tables\">")?;
    table(to, "Requests", &counts(measured))?;
    table(to, "Rates and latency", &figures(measured))?;
    writeln!(to, "</div><div class=\"charts\">")?;
    section(to, "Latency distribution", &histogram(measured))?;
    section(to, "Latency percentiles", &percentiles(measured))?;
    section(to, "Throughput over time", &timeline(measured))?;
    writeln!(to, "</div></main></body></html>")
}

fn what(measured: &RunResult) -> String {
    let settings = &measured.settings;
    let load = match (settings.rate, settings.window) {
        (Some(rate), _) => format!("open loop, {} requested", per_second(rate)),
        (None, window) => format!(
            "closed loop, {} in flight on each flow",
            window.unwrap_or(1)
        ),
    };
    format!(
        "{load}; flows: {}, message size: {} bytes, threads: {}, offload: {}",
        settings.flows,
        settings.size,
        settings.threads,
        if measured.has_offload { "on" } else { "off" }
    )
}

fn counts(measured: &RunResult) -> Vec<(String, String)> {
    let counts = &measured.record.counts;
    [
        ("sent", counts.sent),
        ("= ok", counts.ok),
        ("+ corrupt", counts.corrupt),
        ("+ lost", counts.lost),
        ("+ pending", counts.pending),
        ("duplicate", counts.duplicate),
        ("late", counts.late),
        ("stray", counts.stray),
    ]
    .map(|(name, count)| (name.to_owned(), count.to_string()))
    .into()
}

fn figures(measured: &RunResult) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    if let Some(rate) = measured.settings.rate {
        rows.push(("requested".to_owned(), per_second(rate)));
    }
    rows.push(("sent".to_owned(), per_second(measured.sent_rate())));
    rows.push(("achieved".to_owned(), per_second(measured.achieved_rate())));
    let latency = &measured.record.latency;
    if !latency.is_empty() {
        for (name, percentile) in PERCENTILES {
            if let Some(ns) = latency.percentile_ns(percentile) {
                rows.push((name.to_owned(), short(ns)));
            }
        }
        rows.push(("max".to_owned(), short(latency.max_ns().unwrap_or(0))));
    }
    if let Some(cpu) = measured.cpu {
        rows.push(("generator CPU".to_owned(), seconds(cpu)));
    }
    rows
}

fn table(to: &mut dyn Write, title: &str, rows: &[(String, String)]) -> io::Result<()> {
    writeln!(to, "<section><h2>{title}</h2><table>")?;
    for (name, value) in rows {
        writeln!(to, "<tr><th>{name}</th><td>{value}</td></tr>")?;
    }
    writeln!(to, "</table></section>")
}

fn section(to: &mut dyn Write, title: &str, chart: &str) -> io::Result<()> {
    writeln!(
        to,
        "<section aria-label=\"{title}\"><h2>{title}</h2>{chart}</section>"
    )
}

/// A mark at each decade of nanoseconds between `low` and `high`, which are logarithms.
fn decades(low: f64, high: f64) -> Vec<Tick> {
    (0..12)
        .map(|decade| 10u64.pow(decade))
        .filter(|ns| (low..=high).contains(&(*ns as f64).log10()))
        .map(|ns| Tick {
            at: (ns as f64).log10(),
            label: round(ns),
        })
        .collect()
}

/// The decades that enclose all latencies, as logarithms.
fn latency_range(measured: &RunResult) -> (f64, f64) {
    let latency = &measured.record.latency;
    let logarithm = |ns: u64| (ns.max(1) as f64).log10();
    let low = logarithm(latency.min_ns().unwrap_or(0)).floor();
    let high = logarithm(latency.max_ns().unwrap_or(0)).ceil();
    (low, high.max(low + 1.0))
}

fn histogram(measured: &RunResult) -> String {
    let bins = fine_bins(&measured.record.latency);
    let (low, high) = latency_range(measured);
    let all = measured.record.latency.count().max(1) as f64;
    let bars: Vec<(f64, f64, f64)> = bins
        .iter()
        .map(|bin| {
            let from = (bin.from_ns.max(1) as f64).log10().max(low);
            let below = (bin.below_ns as f64).log10().min(high);
            (from, below, bin.count as f64 / all * 100.0)
        })
        .collect();
    let top = bars.iter().map(|bar| bar.2).fold(0.0, f64::max);
    let x = Axis::new(low, high, decades(low, high));
    let y = Axis::rising(top, |value| format!("{value} %"));
    chart::bars(&x, &y, &bars)
}

fn percentiles(measured: &RunResult) -> String {
    let latency = &measured.record.latency;
    let (low, high) = latency_range(measured);
    // Every nine gets the same width.
    let nines = (latency.count().max(10) as f64).log10().min(5.0);
    let labels = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"];
    let ticks = labels.iter().enumerate();
    let ticks = ticks.map(|(at, label)| Tick {
        at: at as f64,
        label: (*label).to_owned(),
    });
    let x = Axis::new(0.0, nines, ticks.filter(|tick| tick.at <= nines).collect());
    let y = Axis::new(low, high, decades(low, high));
    let steps = 120;
    let points: Vec<(f64, f64)> = (0..=steps)
        .filter_map(|step| {
            let at = nines * f64::from(step) / f64::from(steps);
            let percentile = 100.0 - 100.0 * 10f64.powf(-at);
            let ns = latency.percentile_ns(percentile)?;
            Some((at, (ns.max(1) as f64).log10()))
        })
        .collect();
    chart::curve(&x, &y, &points)
}

fn timeline(measured: &RunResult) -> String {
    let steps = &measured.record.timeline;
    // The last step is incomplete and would look like a drop.
    let whole = &steps[..steps.len() - usize::from(steps.len() > 1)];
    let joined = whole.len().div_ceil(MAX_POINTS).max(1);
    let step_s = TIMELINE_STEP.as_secs_f64();
    let points: Vec<(f64, f64)> = whole
        .chunks(joined)
        .enumerate()
        .map(|(index, chunk)| {
            let rate = chunk.iter().sum::<u64>() as f64 / (chunk.len() as f64 * step_s);
            ((index * joined) as f64 * step_s, rate)
        })
        .collect();
    let end = points.last().map_or(1.0, |point| point.0).max(step_s);
    let top = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let y = Axis::rising(top, |rate| match rate {
        0.0 => "0".to_owned(),
        _ => per_second(rate),
    });
    let mut x = Axis::rising(end, |value| format!("{value} s"));
    x.high = end;
    x.ticks.retain(|tick| tick.at <= end);
    chart::curve(&x, &y, &points)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
