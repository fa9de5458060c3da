//! A door for the fuzz targets: one flow of a load, without a socket. Only in builds of cargo-fuzz.

use super::books::Books;
use super::ledger::Ledger;
use super::lost::LostNumbers;
use super::record::Record;
use super::send_times::SendTimes;
use super::text::{Form, Texts};
use crate::ask::counts::Counts;

const FLOW: u32 = 5;

/// A flow with its accounts.
pub struct Flow {
    books: Books,
    ledger: Ledger,
    is_measured: bool,
    now_ns: u64,
}

impl Flow {
    /// How many requests may be open at once.
    pub const CAPACITY: usize = 256;

    /// A flow of texts of `size` bytes, in the measured time or in the warm-up.
    pub fn new(size: usize, is_measured: bool) -> Self {
        let times = SendTimes::new(Self::CAPACITY, is_measured);
        let mut ledger = Ledger::new(FLOW, times, LostNumbers::new(1 << 16));
        if is_measured {
            ledger.begin_measuring();
        }
        Self {
            books: Books::new(
                Texts::new(Form::new(size, None, false), 64),
                Record::new(0, is_measured),
            ),
            ledger,
            is_measured,
            now_ns: 1,
        }
    }

    /// Sends the next `amount` requests.
    pub fn send(&mut self, amount: u64) {
        self.now_ns += 1000;
        let now_ns = self.now_ns;
        self.ledger
            .note_sent(amount, now_ns, std::iter::repeat(now_ns), &mut self.books);
    }

    /// The request of this number.
    pub fn request(&mut self, number: u64) -> Vec<u8> {
        self.books.texts.requests(FLOW, number, 1).to_vec()
    }

    /// The right answer to it.
    pub fn answer(&mut self, number: u64) -> Vec<u8> {
        self.books.texts.answers(FLOW, number, 1).to_vec()
    }

    /// The bytes of every right answer.
    pub fn answer_length(&self) -> usize {
        self.books.texts.form.answer_length()
    }

    /// Enters a buffer of answers.
    pub fn settle(&mut self, answers: &[u8], segment_size: usize) {
        self.now_ns += 1000;
        self.books.begin_turn();
        self.ledger
            .settle_segments(answers, segment_size, self.now_ns, &mut self.books);
    }

    /// The oldest open requests time out.
    pub fn give_up_oldest(&mut self) {
        if let Some(oldest_ns) = self.ledger.oldest_ns() {
            self.ledger.expire(oldest_ns, &mut self.books);
        }
    }

    /// The run is over.
    pub fn finish(&mut self) {
        self.ledger.give_up(&mut self.books);
    }

    /// Requests that are open, as the flow and as the whole worker count them.
    pub fn outstanding(&self) -> u64 {
        assert_eq!(u64::from(self.ledger.outstanding()), self.books.outstanding);
        self.books.outstanding
    }

    /// The counts of the settled ones.
    pub fn counts(&self) -> Counts {
        if self.is_measured {
            self.books.record.counts
        } else {
            self.books.record.warmup
        }
    }
}
