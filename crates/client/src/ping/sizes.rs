//! During an outage of large messages: up to which size they get through.
//!
//! A path whose MTU is too small, or that drops fragments, loses large messages on every flow and
//! passes small ones. So a fresh flow sends larger and larger messages, up to the size of the
//! probes, until one has no answer.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::flow::{AnswerBuffer, ProbeFlow, Reception};
use super::text::{ProbeTexts, TOKEN_LENGTH};

/// What every IPv4 host must take in one piece (RFC 791: 576 bytes), less its longest header and
/// UDP's. Probes that are not larger are not examined.
const MAX_SMALL: usize = 508;

/// What fits into a packet of 1280 and 1500 bytes over IPv6, of 1400 and 1500 over IPv4, into a
/// jumbo frame, and half of the largest datagram. In ascending order.
const SIZES: [usize; 8] = [
    TOKEN_LENGTH,
    MAX_SMALL,
    1232,
    1372,
    1452,
    1472,
    8972,
    32_768,
];

/// How often a size is tried, so that one loss by chance does not decide.
const MAX_TRIES: u32 = 3;

/// The number of the text of each size; the texts of the sizes have nothing in common.
const NUMBER: u64 = 0;

/// The maximum number of answers taken at once: a peer may send without end.
const MAX_ANSWERS: usize = 64;

/// Messages above a size are lost, and others are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SizeLimit {
    /// The outage (its flow and first probe) that it explains.
    pub(super) outage: (usize, u64),
    /// The largest size that got through.
    pub(super) passed: usize,
    /// The next larger one that was tried.
    pub(super) lost: usize,
}

/// The examinations of one target, one at a time.
#[derive(Default)]
pub(super) struct Sizes {
    current: Option<Examination>,
    /// A message got through in the last examination.
    gets_through: bool,
    /// The outage that was examined last.
    examined: Option<(usize, u64)>,
    pub(super) sent: u64,
    pub(super) answered: u64,
}

struct Examination {
    flow: Box<dyn ProbeFlow>,
    outage: (usize, u64),
    filler: Option<Vec<u8>>,
    /// Still to be tried after the current one, the smallest last.
    larger: Vec<usize>,
    size: usize,
    texts: ProbeTexts,
    passed: Option<usize>,
    tries: u32,
    /// When to try the size again, or to give it up.
    due: Instant,
}

/// How far an examination has come.
enum Progress {
    Pending,
    Over,
    Found(SizeLimit),
}

impl Sizes {
    /// Whether an examination may explain this outage of messages of `length` bytes.
    pub(super) fn has_room(&self, outage: (usize, u64), length: usize) -> bool {
        length > MAX_SMALL && self.current.is_none() && self.examined != Some(outage)
    }

    /// Begins over `flow`, which is new; `filler` fills the texts. Nothing is sent before the next
    /// [`advance`](Self::advance).
    pub(super) fn begin(
        &mut self,
        flow: Box<dyn ProbeFlow>,
        outage: (usize, u64),
        length: usize,
        filler: Option<&[u8]>,
    ) {
        let smaller = SIZES.iter().filter(|size| **size < length);
        let mut larger: Vec<usize> = smaller.copied().chain([length]).rev().collect();
        let size = larger.pop().unwrap_or(length);
        self.gets_through = false;
        self.examined = Some(outage);
        self.current = Some(Examination {
            flow,
            outage,
            filler: filler.map(<[u8]>::to_vec),
            larger,
            size,
            texts: ProbeTexts::with_random_nonce(size, filler),
            passed: None,
            tries: 0,
            due: Instant::now(),
        });
    }

    /// The target has moved to another address, about which nothing is known.
    pub(super) fn abandon(&mut self) {
        self.current = None;
        self.gets_through = false;
        self.examined = None;
    }

    /// Whether a smaller message got through in the last outage of large ones.
    pub(super) fn gets_through(&self) -> bool {
        self.gets_through
    }

    pub(super) fn interest(&self) -> Option<(BorrowedFd<'_>, bool)> {
        self.current.as_ref()?.flow.interest(0)
    }

    /// When there is something to do even if nothing arrives.
    pub(super) fn due(&self) -> Option<Instant> {
        self.current.as_ref().map(|current| current.due)
    }

    /// Takes what has arrived, and sends what is due.
    pub(super) fn advance(
        &mut self,
        timeout: Duration,
        answer: &mut AnswerBuffer,
    ) -> Option<SizeLimit> {
        let current = self.current.as_mut()?;
        let mut progress = Progress::Pending;
        for _ in 0..MAX_ANSWERS {
            match current.flow.receive(&current.texts, answer) {
                Reception::Answer if current.texts.is_right(NUMBER, answer.as_slice()) => {
                    self.answered += 1;
                    self.gets_through = true;
                    progress = current.pass();
                    break;
                }
                Reception::Answer => {}
                Reception::Nothing => break,
                _ => progress = Progress::Over,
            }
        }
        let now = Instant::now();
        if matches!(progress, Progress::Pending) && current.due <= now {
            progress = current.try_again(now, timeout);
            self.sent += u64::from(matches!(progress, Progress::Pending));
        }
        let found = match progress {
            Progress::Pending => return None,
            Progress::Over => None,
            Progress::Found(limit) => Some(limit),
        };
        self.current = None;
        found
    }
}

impl Examination {
    /// The size gets through, so the next larger one is due.
    fn pass(&mut self) -> Progress {
        self.passed = Some(self.size);
        let Some(size) = self.larger.pop() else {
            return Progress::Over;
        };
        self.size = size;
        self.texts = ProbeTexts::with_random_nonce(size, self.filler.as_deref());
        self.tries = 0;
        self.due = Instant::now();
        Progress::Pending
    }

    /// Sends the size another time, or draws the conclusion: its tries and the timeout are over.
    fn try_again(&mut self, now: Instant, timeout: Duration) -> Progress {
        if self.tries == MAX_TRIES {
            return self.passed.map_or(Progress::Over, |passed| {
                Progress::Found(SizeLimit {
                    outage: self.outage,
                    passed,
                    lost: self.size,
                })
            });
        }
        self.tries += 1;
        self.due = now
            + match self.tries {
                MAX_TRIES => timeout,
                _ => timeout / MAX_TRIES,
            };
        let mut text = Vec::new();
        self.texts.write(NUMBER, &mut text);
        // What the kernel does not take has no answer either.
        self.flow.send(NUMBER, &text);
        Progress::Pending
    }
}
