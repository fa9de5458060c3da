//! Which size to try next, until the largest that passes is found. No I/O.

/// How many suggestions are followed: a path has few links, and a false report must not slow the
/// bisection down.
const MAX_SUGGESTIONS: u32 = 8;

/// A search among the sizes `from..=to`. A size passes if a larger one does; where a path does not
/// keep to that, what is found still passed and its successor did not.
#[derive(Clone, Debug)]
pub(super) struct Bisection {
    from: usize,
    to: usize,
    /// The largest that passed.
    passed: Option<usize>,
    /// The smallest above it that did not.
    lost: Option<usize>,
    is_to_tried: bool,
    /// Suspected to be the largest that passes.
    suggested: Option<usize>,
    suggestions_left: u32,
}

impl Bisection {
    pub(super) fn new(from: usize, to: usize) -> Self {
        Self {
            from,
            to,
            passed: None,
            lost: None,
            is_to_tried: false,
            suggested: None,
            suggestions_left: MAX_SUGGESTIONS,
        }
    }

    /// The next size to try, first the smallest and the largest; `None` once the result is known.
    pub(super) fn next(&self) -> Option<usize> {
        match (self.passed, self.lost) {
            (None, None) => Some(self.from),
            (Some(passed), None) => (passed < self.to).then_some(self.to),
            (None, Some(_)) => (!self.is_to_tried).then_some(self.to),
            (Some(passed), Some(lost)) => {
                let is_open = |size: &usize| passed < *size && *size < lost;
                let suggested = self.suggested.into_iter().flat_map(|it| [it, it + 1]);
                let middle = passed + (lost - passed) / 2;
                suggested.chain([middle]).find(is_open)
            }
        }
    }

    /// Whether `size`, which was the next, passed.
    pub(super) fn record(&mut self, size: usize, has_passed: bool) {
        self.is_to_tried |= size == self.to;
        if has_passed {
            self.passed = self.passed.max(Some(size));
            self.lost = self.lost.filter(|lost| *lost > size);
        } else {
            self.lost = Some(self.lost.map_or(size, |lost| lost.min(size)));
        }
    }

    /// The path reports `size` as the largest that passes, which is tried next.
    pub(super) fn suggest(&mut self, size: usize) {
        if self.suggested != Some(size) && self.suggestions_left > 0 {
            self.suggestions_left -= 1;
            self.suggested = Some(size);
        }
    }

    pub(super) fn passed(&self) -> Option<usize> {
        self.passed
    }

    pub(super) fn lost(&self) -> Option<usize> {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Tries sizes until the result is known; returns the number of sizes tried.
    fn search(
        bisection: &mut Bisection,
        passes: impl Fn(usize) -> bool,
        mut suggestion: impl FnMut(usize) -> Option<usize>,
    ) -> u32 {
        let mut tried = 0;
        while let Some(size) = bisection.next() {
            let has_passed = passes(size);
            bisection.record(size, has_passed);
            if let Some(suggestion) = suggestion(size).filter(|_| !has_passed) {
                bisection.suggest(suggestion);
            }
            tried += 1;
        }
        tried
    }

    #[test]
    fn a_reported_mtu_is_found_at_once_and_without_a_limit_the_largest_decides() {
        let mut bisection = Bisection::new(27, 65_507);
        let tried = search(&mut bisection, |size| size <= 1372, |_| Some(1372));
        assert_eq!(
            (bisection.passed(), bisection.lost()),
            (Some(1372), Some(1373))
        );
        assert_eq!(tried, 4, "the smallest, the largest, the MTU and one more");

        let mut bisection = Bisection::new(27, 65_507);
        assert_eq!(search(&mut bisection, |_| true, |_| None), 2);
        assert_eq!((bisection.passed(), bisection.lost()), (Some(65_507), None));
    }

    #[test]
    fn where_nothing_passes_the_ends_decide() {
        for (from, to, tries) in [(27, 65_507, 2), (100, 100, 1)] {
            let mut bisection = Bisection::new(from, to);
            assert_eq!(search(&mut bisection, |_| false, |_| None), tries);
            assert_eq!((bisection.passed(), bisection.lost()), (None, Some(from)));
        }
    }

    proptest! {
        #[test]
        fn the_result_is_that_of_trying_every_size(
            from in 0usize..3000, length in 0usize..3000, limit in 0usize..7000,
            suggestions in proptest::collection::vec(proptest::option::of(0usize..7000), 20),
        ) {
            let to = from + length;
            let naive = (from..=to).rfind(|size| *size <= limit);
            let mut bisection = Bisection::new(from, to);
            let mut suggestions = suggestions.into_iter().cycle();
            let tried = search(&mut bisection, |size| size <= limit, |_| suggestions.next().flatten());
            prop_assert_eq!(bisection.passed(), naive);
            let lost = (from..=to).find(|size| *size > limit);
            prop_assert_eq!(bisection.lost(), lost);
            prop_assert!(tried <= 2 + 13 + 2 * MAX_SUGGESTIONS, "{} sizes", tried);
        }

        #[test]
        fn where_sizes_pass_at_random_the_result_is_still_true(
            from in 0usize..200, length in 0usize..200, seed: [u64; 8],
        ) {
            let to = from + length;
            let passes = |size: usize| seed[size / 64 % 8] >> (size % 64) & 1 == 1;
            let mut bisection = Bisection::new(from, to);
            search(&mut bisection, passes, |_| None);
            match (bisection.passed(), bisection.lost()) {
                (Some(passed), None) => prop_assert!(passed == to && passes(to)),
                (None, Some(lost)) => prop_assert!(lost == from && !passes(lost) && !passes(to)),
                (Some(passed), Some(lost)) => {
                    prop_assert!(passes(passed) && !passes(lost) && lost == passed + 1);
                }
                (None, None) => prop_assert!(false, "nothing was tried"),
            }
        }
    }
}
