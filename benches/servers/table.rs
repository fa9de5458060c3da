//! Tables in Markdown: medians over the rounds, ratios to the reference round by round, and the
//! sums that show losses.

use crate::outcome::Outcome;
use crate::process::Pinning;
use crate::row::Row;
use crate::scenario::{Measure, Scenario};
use bullhorn_socket::RECEIVE_BUFFER;
use serde_json::Value;

type Results = [(Row, Vec<Outcome>)];

/// The machine on which the tables below were measured.
pub(crate) fn print_machine(pinning: &Pinning) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let mut lines = cpuinfo.lines();
    let model = lines.find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown CPU", |line| {
        line.trim_start_matches([' ', '\t', ':'])
    });
    let kernel = read("/proc/sys/kernel/osrelease");
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{model}, {count} CPUs, Linux {}; {}.",
        kernel.trim(),
        pinning.description
    );
    let max = read("/proc/sys/net/core/rmem_max");
    let max: usize = max.trim().parse().unwrap_or(0);
    if max < RECEIVE_BUFFER {
        println!(
            "\nThe servers request a receive buffer of {RECEIVE_BUFFER} bytes and get {max}: texts \
             will be lost. Allow it with `sysctl -w net.core.rmem_max={RECEIVE_BUFFER}`."
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
    let is_reference = |other: &Row| other.group == row.group && other.reference;
    let reference = results.iter().find(|(other, _)| is_reference(other));
    let ratio = |value: fn(&Outcome) -> f64| {
        reference.map_or("-".to_owned(), |(_, others)| {
            let pairs = outcomes.iter().zip(others);
            let ratios = pairs.map(|(own, other)| value(own) / value(other));
            significant(median(ratios))
        })
    };
    // More is better throughout: half the time is twice the ratio.
    let speed: fn(&Outcome) -> f64 = match measure {
        Measure::RoundTrip | Measure::Rate => {
            |outcome| 1.0 / outcome.p50_ns.unwrap_or(0).max(1) as f64
        }
        Measure::Answers | Measure::Bytes => |outcome| outcome.rate,
    };
    let is_one_thread = row.contender.is_one_thread();
    let disturbances = outcomes.iter().map(|one| one.disturbance(is_one_thread));
    let emphasis = if row.reference { "**" } else { "" };
    println!(
        "| {} | {emphasis}{}{emphasis} | {} | {} | {} | {} | {} | {} |",
        row.load_name,
        row.contender.name(),
        values(measure, outcomes).join(" | "),
        percent(median(outcomes.iter().map(Outcome::server_share))),
        percent(median(disturbances)),
        ratio(speed),
        ratio(Outcome::rate_per_cpu),
        sums(outcomes),
    );
}

/// The columns that differ by what is measured.
fn values(measure: Measure, outcomes: &[Outcome]) -> Vec<String> {
    let of = |value: fn(&Outcome) -> f64| median(outcomes.iter().map(value));
    let time = |value: fn(&Outcome) -> Option<u64>| {
        let times = outcomes.iter().map(|one| value(one).unwrap_or(0) as f64);
        microseconds(median(times))
    };
    let requested = |outcome: &Outcome| outcome.requested.unwrap_or(0) as f64;
    match measure {
        Measure::Answers => vec![count(of(|one| one.rate)), count(of(Outcome::rate_per_cpu))],
        Measure::RoundTrip => vec![time(|one| one.p50_ns), time(|one| one.p99_ns)],
        Measure::Rate => vec![
            count(of(requested)),
            thousandths(of(|one| one.rate / one.requested.unwrap_or(0) as f64)),
            time(|one| one.p50_ns),
            time(|one| one.p99_ns),
            time(|one| one.p99_9_ns),
            time(|one| one.max_ns),
        ],
        Measure::Bytes => vec![
            megabytes(of(|one| one.rate)),
            megabytes(of(Outcome::rate_per_cpu)),
        ],
    }
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
    match sum(|outcome| outcome.unexpected) {
        0 => equation,
        unexpected => format!("{equation}, and {unexpected} late or duplicate"),
    }
}

/// The totals of `bullhorn`, unless they are consistent.
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
        _ => println!("\n{}: its totals are incomplete: {totals}", row.label()),
    }
}

/// A count by its key, at the top or one level below.
fn find(totals: &Value, key: &str) -> Option<u64> {
    let below = || {
        totals
            .as_object()?
            .values()
            .find_map(|value| value[key].as_u64())
    };
    totals[key].as_u64().or_else(below)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// About three digits: a ratio may be 40 or 0.016.
fn significant(ratio: f64) -> String {
    match ratio {
        ratio if ratio >= 10.0 => format!("{ratio:.1}"),
        ratio if ratio >= 0.1 => format!("{ratio:.2}"),
        ratio => format!("{ratio:.4}"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn thousandths(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
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
