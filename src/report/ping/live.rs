//! The live line of a terminal: the last round trips as a sparkline, and the counts.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::text::CountsText;
use crate::report::units::{milliseconds, nanoseconds};
use bullhorn_client::ping::Counts;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The longest sparkline, in probes.
const MAX_SHOWN: usize = 30;

/// People do not read faster than this.
const REDRAW_INTERVAL: Duration = Duration::from_millis(50);

/// The state of the line at the bottom.
#[derive(Debug, Default)]
pub(crate) struct LiveLine {
    /// `None` is a lost probe.
    recent: VecDeque<Option<Duration>>,
    last_drawn: Option<Instant>,
}

impl LiveLine {
    /// A probe was answered after this time, or (`None`) lost.
    pub(crate) fn push(&mut self, round_trip: Option<Duration>) {
        if self.recent.len() == MAX_SHOWN {
            self.recent.pop_front();
        }
        self.recent.push_back(round_trip);
    }

    /// Redraws, unless it was just drawn. `columns` is the width of the terminal.
    pub(crate) fn draw(
        &mut self,
        to: &mut dyn Write,
        counts: &Counts,
        columns: usize,
    ) -> io::Result<()> {
        if self
            .last_drawn
            .is_some_and(|last| last.elapsed() < REDRAW_INTERVAL)
        {
            return Ok(());
        }
        self.last_drawn = Some(Instant::now());
        let line = self.line(counts, columns);
        write!(to, "\r\x1b[K{line}")
    }

    /// Erases the line, so that something can be printed above it.
    pub(crate) fn clear(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.last_drawn.take().is_some() {
            write!(to, "\r\x1b[K")?;
        }
        Ok(())
    }

    fn line(&self, counts: &Counts, columns: usize) -> String {
        let last = match self.recent.back() {
            Some(Some(last)) => format!("{} ms", milliseconds(nanoseconds(*last))),
            Some(None) => "lost".to_owned(),
            None => String::new(),
        };
        let line = format!("{} {last}  {}", self.sparkline(), CountsText(counts));
        // A line that wraps could not be erased.
        line.chars().take(columns.saturating_sub(1)).collect()
    }

    /// The bars are scaled to the longest round trip that is shown; `x` is a lost probe.
    fn sparkline(&self) -> String {
        let longest = self.recent.iter().flatten().max();
        let longest = longest.map_or(0, Duration::as_nanos).max(1);
        let bar = |round_trip: &Option<Duration>| match round_trip {
            Some(round_trip) => {
                let index = round_trip.as_nanos() * (BARS.len() as u128 - 1) / longest;
                BARS.get(index as usize).copied().unwrap_or('█')
            }
            None => 'x',
        };
        self.recent.iter().map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_recent_probes_and_never_wraps() {
        let mut live = LiveLine::default();
        live.push(Some(Duration::from_millis(1)));
        live.push(None);
        live.push(Some(Duration::from_millis(7)));
        assert_eq!(live.sparkline(), "▂x█");
        let counts = Counts::default();
        assert!(live.line(&counts, 200).contains("7.000 ms  0 sent = 0 ok"));
        assert_eq!(live.line(&counts, 40).chars().count(), 39);
        for _ in 0..100 {
            live.push(Some(Duration::ZERO));
        }
        assert_eq!(live.sparkline().chars().count(), MAX_SHOWN);
    }

    #[test]
    fn it_is_erased_only_when_it_was_drawn() {
        let mut live = LiveLine::default();
        let mut out = Vec::new();
        live.clear(&mut out).unwrap();
        assert!(out.is_empty());
        live.draw(&mut out, &Counts::default(), 80).unwrap();
        live.clear(&mut out).unwrap();
        assert!(out.ends_with(b"\r\x1b[K"));
    }
}
