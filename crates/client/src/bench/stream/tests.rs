//! Lines of any length, split in any way.

use super::*;
use crate::bench::lost::LostNumbers;
use crate::bench::record::Record;
use crate::bench::send_times::SendTimes;
use crate::bench::text::{Form, Texts};
use proptest::prelude::*;

const REQUESTS: u64 = 12;

/// What a server may send: a right answer, a short line, a line longer than any answer.
#[derive(Clone, Copy, Debug)]
enum Line {
    Right,
    Short,
    Long,
}

/// Reads `bytes` in pieces of `cut` bytes; returns the length of the longest rest that was kept.
fn read(ledger: &mut Ledger, books: &mut Books, bytes: &[u8], cut: usize) -> usize {
    let (mut partial, mut skips_line, mut longest) = (Vec::new(), false, 0);
    for piece in bytes.chunks(cut) {
        let begin = partial.len();
        let mut buffer = partial;
        buffer.extend(piece);
        let new = begin..buffer.len();
        let rest = settle_lines(ledger, &buffer, new, &mut skips_line, 9, books);
        partial = buffer.split_off(rest);
        longest = longest.max(partial.len());
    }
    longest
}

proptest! {
    #[test]
    fn every_line_is_settled_once_however_long_and_however_split(
        lines in prop::collection::vec(
            prop::sample::select(vec![Line::Right, Line::Short, Line::Long]), 1..REQUESTS as usize,
        ),
        cut in 1usize..500,
    ) {
        let form = Form::new(40, None, true);
        let mut books = Books::new(Texts::new(form, 64), Record::new(0, false));
        let mut ledger = Ledger::new(3, SendTimes::new(256, false), LostNumbers::new(256));
        ledger.begin_measuring();
        ledger.note_sent(REQUESTS, 1, std::iter::empty(), &mut books);
        let mut bytes = Vec::new();
        let mut right = 0;
        for (number, line) in (0..).zip(&lines) {
            match line {
                Line::Right => {
                    bytes.extend(books.texts.answers(3, number, 1));
                    right += 1;
                }
                Line::Short => bytes.extend(b"!\n"),
                Line::Long => bytes.extend([&[b'!'; 300][..], b"\n"].concat()),
            }
        }
        let longest = read(&mut ledger, &mut books, &bytes, cut);
        prop_assert!(longest < books.texts.form.answer_length());
        let counts = books.record.counts;
        prop_assert_eq!((counts.ok, counts.corrupt), (right, lines.len() as u64 - right));
    }
}
