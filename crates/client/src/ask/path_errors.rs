//! What the path reported during a run, each different report once with its number.

use bullhorn_socket::PathError;

/// The most different reports kept; a path changes rarely.
const MAX_REPORTS: usize = 16;

/// One report and how often it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathErrorCount {
    /// What was reported.
    pub error: PathError,
    /// How many requests it was about.
    pub count: u64,
}

/// The reports of a run, in the order in which they first came.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathErrors(Vec<PathErrorCount>);

impl PathErrors {
    /// Adds `count` reports of `error`. Those of one more kind than there is room for are left out.
    pub(crate) fn add(&mut self, error: PathError, count: u64) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.error == error) {
            entry.count += count;
        } else if self.0.len() < MAX_REPORTS {
            self.0.push(PathErrorCount { error, count });
        }
    }

    /// Adds the reports of another worker.
    pub(crate) fn merge(&mut self, other: &Self) {
        for entry in &other.0 {
            self.add(entry.error, entry.count);
        }
    }

    pub(crate) fn as_slice(&self) -> &[PathErrorCount] {
        &self.0
    }
}
