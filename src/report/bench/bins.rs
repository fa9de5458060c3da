//! Latencies sorted into bins of a logarithmic scale.

use bullhorn_client::bench::Latency;

/// The answers whose latency is in `from_ns..below_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bin {
    pub(super) from_ns: u64,
    pub(super) below_ns: u64,
    pub(super) count: u64,
}

/// The lower edges in a decade, in hundredths: three for text, ten for a chart.
const COARSE: [u64; 3] = [100, 200, 500];
const FINE: [u64; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];

/// Three bins per decade, from the first with answers to the last.
pub(super) fn coarse_bins(latency: &Latency) -> Vec<Bin> {
    bins(latency, &COARSE)
}

/// As [`coarse_bins`], with ten bins per decade.
pub(super) fn fine_bins(latency: &Latency) -> Vec<Bin> {
    bins(latency, &FINE)
}

fn bins(latency: &Latency, steps: &[u64]) -> Vec<Bin> {
    if latency.is_empty() {
        return Vec::new();
    }
    // From 100 ns; what is shorter is in the first bin.
    let edges = (0..9).flat_map(|decade| steps.iter().map(move |step| step * 10u64.pow(decade)));
    let edges: Vec<u64> = std::iter::once(0).chain(edges).collect();
    let ends = edges.iter().skip(1).copied().chain([u64::MAX]);
    let all = edges.iter().copied().zip(ends);
    let mut bins: Vec<Bin> = all
        .map(|(from_ns, below_ns)| Bin {
            from_ns,
            below_ns,
            count: 0,
        })
        .collect();
    // A value belongs to exactly one bin, however wide the histogram's own buckets are.
    for (ns, count) in latency.buckets() {
        let index = edges.partition_point(|edge| *edge <= ns);
        bins[index - 1].count += count;
    }
    let has_answers = |bin: &Bin| bin.count > 0;
    let begin = bins.iter().position(has_answers).unwrap_or(0);
    let end = bins
        .iter()
        .rposition(has_answers)
        .map_or(0, |last| last + 1);
    bins[begin..end].to_vec()
}
