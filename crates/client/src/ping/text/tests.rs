//! Texts and expected answers against a naive reading of them.

use super::*;
use proptest::prelude::*;

fn text(texts: &ProbeTexts, number: u64) -> Vec<u8> {
    let mut text = Vec::new();
    texts.write(number, &mut text);
    text
}

fn expected(texts: &ProbeTexts, number: u64) -> Vec<u8> {
    let mut answer = Vec::new();
    texts.write_expected(number, &mut answer);
    answer
}

#[test]
fn an_echo_still_has_its_number() {
    let texts = ProbeTexts::new(9, 64, None);
    assert_eq!(texts.number_of(&text(&texts, 17), 20), Some(17));
    assert_eq!(texts.number_of(&text(&texts, 17), 16), None);
    let another_run = ProbeTexts::new(10, 64, None);
    assert_eq!(another_run.number_of(&text(&texts, 17), 20), None);
}

proptest! {
    #[test]
    fn every_text_has_its_size_and_its_answer_and_is_unique(
        nonce in any::<u64>(),
        size in 0usize..300,
        number in 1u64..1 << 40,
        other in 1u64..1 << 40,
    ) {
        let texts = ProbeTexts::new(nonce, size, None);
        let text = text(&texts, number);
        prop_assert_eq!(text.len(), size.max(TOKEN_LENGTH));
        let capitals = String::from_utf8(text.clone()).unwrap().to_uppercase();
        prop_assert_eq!(capitals.as_bytes(), expected(&texts, number));
        prop_assert!(texts.is_right(number, capitals.as_bytes()));
        prop_assert!(!texts.is_right(number, &text));
        prop_assert_eq!(texts.number_of(capitals.as_bytes(), 1 << 40), Some(number));
        prop_assert_eq!(number == other, texts.is_right(other, capitals.as_bytes()));
    }

    #[test]
    fn every_part_of_a_right_answer_may_begin_one_and_no_damaged_one_may(
        number in 1u64..1000,
        length in 0usize..64,
        checked in 0usize..64,
        damage in 0x80u8..,
    ) {
        let texts = ProbeTexts::new(7, 64, None);
        let mut answer = expected(&texts, number);
        answer.truncate(length);
        prop_assert!(texts.may_begin_right(&answer, checked.min(length)));
        if let Some(last) = answer.last_mut() {
            *last ^= damage;
            prop_assert!(!texts.may_begin_right(&answer, 0));
            prop_assert!(!texts.may_begin_right(&answer, length - 1));
        }
        let mut longer = expected(&texts, number);
        longer.push(b'X');
        prop_assert!(!texts.may_begin_right(&longer, 0));
    }

    #[test]
    fn a_damaged_answer_still_belongs_to_its_probe(
        nonce in any::<u64>(),
        number in 1u64..1000,
        index in 0usize..64,
        damage in 1u8..,
    ) {
        let texts = ProbeTexts::new(nonce, 64, None);
        let mut answer = expected(&texts, number);
        answer[index] ^= damage;
        prop_assert!(!texts.is_right(number, &answer));
        prop_assert_eq!(texts.nearest(&answer, 1..1000), Some(number));
    }
}
