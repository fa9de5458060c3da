//! Tables in Markdown: medians over the rounds, ratios to the reference round by round, and the
//! sums that show what was lost.

use crate::outcome::Outcome;
use crate::process::Pinning;
use crate::scenario::{Measure, Row, Scenario};
use crate::tokio_server::RECEIVE_BUFFER;
use serde_json::Value;

type Results = [(Row, Vec<Outcome>)];

/// What the numbers below were measured on.
pub(crate) fn print_machine(pinning: &Pinning) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |line| {
        line.trim_start_matches([' ', '\t', ':'])
    });
    let kernel = read("/proc/sys/kernel/osrelease");
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{model}, {count} processors, Linux {}; {}.",
        kernel.trim(),
        pinning.description
    );
    let most: usize = read("/proc/sys/net/core/rmem_max")
        .trim()
        .parse()
        .unwrap_or(0);
    if most < RECEIVE_BUFFER {
        println!(
            "\nThe servers ask for a receive buffer of {RECEIVE_BUFFER} bytes and get {most}: texts \
             will be lost. `sysctl -w net.core.rmem_max={RECEIVE_BUFFER}` allows it."
        );
    }
}

pub(crate) fn print(scenario: &Scenario, results: &Results) {
    let rounds = results.first().map_or(0, |(_, outcomes)| outcomes.len());
    println!("\n### {} (`{}`)\n", scenario.title, scenario.name);
    println!("Medians of {rounds} alternating rounds.\n");
    let columns = match scenario.measure {
        Measure::Answers => "answers/s | per server CPU-second | busy",
        Measure::RoundTrip => "p50 | p99 | busy",
        Measure::Bytes => "MB/s | MB per server CPU-second | busy",
        Measure::Rate => "requested | answered | p50 | p99 | p99.9 | max | busy",
    };
    println!(
        "| load | server | {columns} | disturbed | ratio | ratio per CPU | sent = answered + corrupt + lost |"
    );
    let right = "--:|".repeat(columns.split('|').count() + 3);
    println!("|---|---|{right}---|");
    for (row, outcomes) in results {
        print_row(scenario.measure, row, outcomes, results);
    }
    for (row, outcomes) in results {
        for outcome in outcomes {
            print_totals(row, outcome);
        }
    }
}

fn print_row(measure: Measure, row: &Row, outcomes: &[Outcome], results: &Results) {
    let reference = results
        .iter()
        .find(|(other, _)| other.group == row.group && other.reference);
    let of = |value: fn(&Outcome) -> f64| median(outcomes.iter().map(value).collect());
    let ratio = |value: fn(&Outcome) -> f64| {
        reference.map_or("-".to_owned(), |(_, others)| {
            let ratios = outcomes
                .iter()
                .zip(others)
                .map(|(own, other)| value(own) / value(other));
            significant(median(ratios.collect()))
        })
    };
    let p50 = |outcome: &Outcome| outcome.p50_ns.unwrap_or(0) as f64;
    let p99 = |outcome: &Outcome| outcome.p99_ns.unwrap_or(0) as f64;
    let p99_9 = |outcome: &Outcome| outcome.p99_9_ns.unwrap_or(0) as f64;
    let max = |outcome: &Outcome| outcome.max_ns.unwrap_or(0) as f64;
    let requested = |outcome: &Outcome| outcome.requested.unwrap_or(0) as f64;
    let values = match measure {
        Measure::Answers => vec![
            count(of(|outcome| outcome.rate)),
            count(of(Outcome::rate_per_cpu)),
        ],
        Measure::RoundTrip => vec![microseconds(of(p50)), microseconds(of(p99))],
        Measure::Rate => vec![
            count(of(requested)),
            thousandths(of(|outcome| {
                outcome.rate / outcome.requested.unwrap_or(0) as f64
            })),
            microseconds(of(p50)),
            microseconds(of(p99)),
            microseconds(of(p99_9)),
            microseconds(of(max)),
        ],
        Measure::Bytes => vec![
            megabytes(of(|outcome| outcome.rate)),
            megabytes(of(Outcome::rate_per_cpu)),
        ],
    };
    let busy = percent(of(Outcome::server_share));
    let one_thread = row.contender.is_one_thread();
    let disturbed = median(
        outcomes
            .iter()
            .map(|one| one.disturbance(one_thread))
            .collect(),
    );
    let name = row.contender.name();
    let name = if row.reference {
        format!("**{name}**")
    } else {
        name
    };
    println!(
        "| {} | {name} | {} | {busy} | {} | {} | {} | {} |",
        row.load_name,
        values.join(" | "),
        percent(disturbed),
        // More is better throughout: half the time is twice the ratio.
        if matches!(measure, Measure::RoundTrip | Measure::Rate) {
            ratio(|outcome| 1.0 / outcome.p50_ns.unwrap_or(0).max(1) as f64)
        } else {
            ratio(|outcome| outcome.rate)
        },
        ratio(Outcome::rate_per_cpu),
        sums(outcomes),
    );
}

fn sums(outcomes: &[Outcome]) -> String {
    let sum = |value: fn(&Outcome) -> u64| outcomes.iter().map(value).sum::<u64>();
    let total = Outcome {
        sent: sum(|outcome| outcome.sent),
        answered: sum(|outcome| outcome.answered),
        corrupt: sum(|outcome| outcome.corrupt),
        lost: sum(|outcome| outcome.lost),
        ..Outcome::default()
    };
    let equation = format!(
        "{} = {} + {} + {}",
        total.sent, total.answered, total.corrupt, total.lost
    );
    match sum(|outcome| outcome.unasked) {
        0 => equation,
        unasked => format!("{equation}, and {unasked} late or twice"),
    }
}

/// What `bullhorn` counted itself: nothing to say while it agrees with itself.
fn print_totals(row: &Row, outcome: &Outcome) {
    let Some(totals) = &outcome.totals else {
        return;
    };
    let find = |key: &str| find(totals, key);
    match (find("received"), find("answered"), find("dropped")) {
        (Some(received), Some(answered), Some(dropped)) if received == answered + dropped => {}
        (Some(_), Some(_), Some(_)) => {
            println!(
                "\n{}: received is NOT answered + dropped: {totals}",
                row.label()
            );
        }
        _ => println!("\n{}: its totals, as it gave them: {totals}", row.label()),
    }
}

/// A count by its key, on the top or one level below.
fn find(totals: &Value, key: &str) -> Option<u64> {
    let below = || {
        totals
            .as_object()?
            .values()
            .find_map(|value| value[key].as_u64())
    };
    totals[key].as_u64().or_else(below)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// Three digits, however small: a ratio may be 40 or 0.016.
fn significant(ratio: f64) -> String {
    match ratio {
        ratio if ratio >= 10.0 => format!("{ratio:.1}"),
        ratio if ratio >= 0.1 => format!("{ratio:.2}"),
        ratio => format!("{ratio:.4}"),
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", 100.0 * part)
}

fn thousandths(part: f64) -> String {
    format!("{:.2} %", 100.0 * part)
}

fn count(value: f64) -> String {
    if value >= 1e6 {
        format!("{:.2} M", value / 1e6)
    } else {
        format!("{:.1} k", value / 1e3)
    }
}

fn microseconds(value: f64) -> String {
    format!("{:.1} us", value / 1e3)
}

fn megabytes(value: f64) -> String {
    format!("{:.0}", value / 1e6)
}
