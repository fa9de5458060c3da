//! What happens to the n-th answer, drawn from the seed and n alone.

use std::time::Duration;

use super::impairment::Impairment;

/// What happens to one answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fate {
    pub(super) kind: Kind,
    /// How long it waits first; `None` where answers are not delayed at all.
    pub(super) delay: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sent,
    Lost,
    Duplicated,
    Reordered,
    /// The bit of this number is changed, counted modulo the answer's bits.
    Corrupted(u64),
}

/// How many random numbers each answer takes, needed or not, so that the fate of one does not
/// depend on that of another.
const DRAWS: u64 = 3;

impl Fate {
    pub(super) fn of(impairment: &Impairment, number: u64) -> Self {
        let draw = |index: u64| random(impairment.seed, number.wrapping_mul(DRAWS) + index);
        let mut position = unit(draw(0));
        let kinds = [
            Kind::Lost,
            Kind::Duplicated,
            Kind::Reordered,
            Kind::Corrupted(draw(1)),
        ];
        let mut kind = Kind::Sent;
        for ((_, rate), candidate) in impairment.rates().into_iter().zip(kinds) {
            if position < rate.share() {
                kind = candidate;
                break;
            }
            position -= rate.share();
        }
        Self {
            kind,
            delay: impairment.delay.map(|delay| delay.at(unit(draw(2)))),
        }
    }
}

/// Number `index` of the sequence of SplitMix64 that begins with `seed` (Steele, Lea, Flood: Fast
/// Splittable Pseudorandom Number Generators, 2014). Our own six lines, as a seed must give the
/// same numbers even if a library changes.
fn random(seed: u64, index: u64) -> u64 {
    let mut mixed = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// From 0 up to, not including, 1: the 53 bits of a double.
fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_reference_implementation() {
        // The first outputs of splitmix64.c by Sebastiano Vigna for the state 1234567.
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        for (index, expected) in expected.into_iter().enumerate() {
            assert_eq!(random(1_234_567, index as u64), expected);
        }
    }

    #[test]
    fn rates_are_met_and_a_seed_repeats_itself() {
        let text = "loss=5%,duplicate=3%,reorder=2%,corrupt=1%,delay=20ms±5ms";
        let impairment = Impairment {
            seed: 7,
            ..text.parse().unwrap()
        };
        let mut counts = [0.0_f64; 5];
        for number in 0..100_000 {
            let fate = Fate::of(&impairment, number);
            assert_eq!(fate, Fate::of(&impairment, number));
            let delay = fate.delay.unwrap();
            assert!((15..=25).contains(&delay.as_millis()));
            counts[match fate.kind {
                Kind::Lost => 0,
                Kind::Duplicated => 1,
                Kind::Reordered => 2,
                Kind::Corrupted(_) => 3,
                Kind::Sent => 4,
            }] += 1.0 / 1000.0;
        }
        for (got, wanted) in counts.into_iter().zip([5.0, 3.0, 2.0, 1.0, 89.0]) {
            assert!((got - wanted).abs() < 0.3, "{got} % of {wanted} %");
        }
        let other = Impairment {
            seed: 8,
            ..impairment
        };
        assert!((0..100).any(|number| Fate::of(&impairment, number) != Fate::of(&other, number)));
    }
}
