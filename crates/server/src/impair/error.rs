//! Why a text is not an impairment.

/// A text that is not an impairment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseImpairmentError {
    /// A part without a value.
    #[error("{0:?} is not an impairment; write loss=2%,delay=20ms±5ms")]
    Malformed(String),
    /// A part with an unknown name.
    #[error("{0:?} is not an impairment; there are loss, duplicate, reorder, corrupt and delay")]
    UnknownKind(String),
    /// Rates that add up to more than all answers.
    #[error(
        "an answer meets at most one of loss, duplicate, reorder and corrupt, so together they are at \
         most 100%"
    )]
    MoreThanAll,
    /// A rate without a percent sign.
    #[error("{0:?} is not a rate in percent, as in 2%")]
    NotPercent(String),
    /// A rate outside 0 to 100 %.
    #[error("{0:?} is not between 0% and 100%")]
    PercentOutOfRange(String),
    /// A delay that is not a duration.
    #[error("{text:?}: {reason}; write 20ms±5ms or 20ms+-5ms")]
    NotDuration {
        /// What was typed.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A delay of more than a day.
    #[error("{0:?} is longer than a day")]
    DelayTooLong(String),
    /// A delay whose deviation is greater than itself.
    #[error("{0:?} would sometimes be negative")]
    NegativeDelay(String),
}
