//! Every entry point, at every level of instructions this machine has, against the naive upper-casing.

use fearless_simd::Level;
use proptest::prelude::*;

use super::*;

/// A neighbour for each width, caseless and cased, and one that changes its length.
const NEIGHBOURS: [&str; 10] = ["", "a", "Z", "é", "я", "—", "ა", "😀", "𐐨", "ŉ"];

/// What is hard for blocks: each width, each kind of change, and bytes that are not UTF-8.
const SPECIALS: [&[u8]; 18] = [
    "a".as_bytes(),
    "ß".as_bytes(),
    "ÿ".as_bytes(),
    "я".as_bytes(),
    "ς".as_bytes(),
    "ა".as_bytes(),
    "ế".as_bytes(),
    "字".as_bytes(),
    "😀".as_bytes(),
    "𐐨".as_bytes(),
    "ı".as_bytes(),
    "ΐ".as_bytes(),
    "ﬃ".as_bytes(),
    b"\xD1",
    b"\xE1\x83",
    b"\xF0\x90\x90",
    b"\x91",
    b"\xFF",
];

/// The contract in a few lines.
fn naive(text: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    for chunk in text.utf8_chunks() {
        answer.extend_from_slice(chunk.valid().to_uppercase().as_bytes());
        answer.extend_from_slice(chunk.invalid());
    }
    answer
}

/// Where the first character begins that changes its length, if there is one.
fn first_resized(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.to_uppercase().map(char::len_utf8).sum::<usize>() != character.len_utf8() {
                return Some(at);
            }
            at += character.len_utf8();
        }
        at += chunk.invalid().len();
    }
    None
}

/// The best level, and the lesser ones that run here too.
fn levels() -> Vec<Level> {
    let best = Level::new();
    #[cfg(not(target_arch = "x86_64"))]
    let lesser: [Option<Level>; 0] = [];
    #[cfg(target_arch = "x86_64")]
    let lesser = [
        best.as_avx2().map(Level::Avx2),
        best.as_sse4_2().map(Level::Sse4_2),
        best.as_sse2().map(Level::Sse2),
    ];
    std::iter::once(best)
        .chain(lesser.into_iter().flatten())
        .collect()
}

/// Upper-cases `text` through both entry points at `level` and compares all their results with the
/// naive answer.
fn check_at(level: Level, text: &[u8], expected: &[u8], resized: Option<usize>) {
    let mut answer = b"before".to_vec();
    let change = append::with_level(level, text, &mut answer);
    assert_eq!(
        answer.strip_prefix(b"before"),
        Some(expected),
        "append of {text:x?} at {level:?}"
    );
    let verdict = match resized {
        Some(_) => Change::Resized,
        None if text == expected => Change::Unchanged,
        None => Change::SameLength,
    };
    assert_eq!(change, verdict, "append of {text:x?} at {level:?}");

    let mut place = text.to_vec();
    let result = in_place::with_level(level, &mut place);
    let converted_len = resized.unwrap_or(text.len());
    let capitals = naive(&text[..converted_len]);
    assert_eq!(
        place,
        [&capitals, &text[converted_len..]].concat(),
        "in_place of {text:x?} at {level:?}"
    );
    let changed = capitals != text[..converted_len];
    assert_eq!(
        result,
        InPlace {
            changed,
            converted_len
        },
        "in_place of {text:x?} at {level:?}"
    );

    let (mut marked, mut marks) = (text.to_vec(), Marks::default());
    assert_eq!(
        marks::with_level(level, &mut marked, usize::MAX, &mut marks),
        result,
        "in_segments of {text:x?} at {level:?}"
    );
    assert_eq!(marked, place, "in_segments of {text:x?} at {level:?}");
    for at in 0..converted_len {
        assert_eq!(
            marks.any(at..at + 1),
            text[at] != capitals[at],
            "mark {at} of {text:x?} at {level:?}"
        );
    }
}

/// [`check_at`] every level.
fn check(text: &[u8]) {
    let (expected, resized) = (naive(text), first_resized(text));
    for level in levels() {
        check_at(level, text, &expected, resized);
    }
}

/// Puts `text` through a [`Remainder`], a read up to each of the `cuts`.
fn check_cut(text: &[u8], mut cuts: Vec<usize>) {
    cuts.push(text.len());
    cuts.sort_unstable();
    let (mut remainder, mut answer, mut from) = (Remainder::default(), Vec::new(), 0);
    let mut verdict = Change::Unchanged;
    for &cut in &cuts {
        verdict = verdict.max(remainder.append(&text[from..cut], &mut answer));
        let held = remainder.len();
        assert_eq!(remainder.is_empty(), held == 0);
        let end = std::str::from_utf8(&text[cut - held..cut]);
        let waiting = held == 0 || end.is_err_and(|error| error.error_len().is_none());
        assert!(
            waiting,
            "{held} bytes of no character are held after {cut} of {text:x?}"
        );
        assert_eq!(answer, naive(&text[..cut - held]), "{text:x?} after {cut}");
        from = cut;
    }
    remainder.finish(&mut answer);
    assert!(remainder.is_empty());
    assert_eq!(answer, naive(text), "{text:x?} cut at {cuts:?}");
    assert_eq!(
        cut_in_place(text, &cuts),
        answer,
        "{text:x?} cut at {cuts:?}"
    );
    assert_eq!(
        verdict,
        append(text, &mut Vec::new()),
        "{text:x?} cut at {cuts:?}"
    );
}

/// The same through [`Remainder::in_place`].
fn cut_in_place(text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let (mut remainder, mut answer, mut from) = (Remainder::default(), Vec::new(), 0);
    for &cut in cuts {
        let (mut read, mut after) = (text[from..cut].to_vec(), Vec::new());
        let converted_len = remainder.in_place(&mut read, &mut after);
        answer.extend_from_slice(&read[..converted_len]);
        answer.append(&mut after);
        from = cut;
    }
    remainder.finish(&mut answer);
    answer
}

fn scalars() -> impl Iterator<Item = char> {
    '\0'..=char::MAX
}

#[test]
fn every_scalar_alone_is_upper_cased_as_by_std() {
    let mut answer = Vec::new();
    for character in scalars() {
        let mut bytes = [0; 4];
        let text = character.encode_utf8(&mut bytes).as_bytes();
        answer.clear();
        append(text, &mut answer);
        let mut rest = answer.as_slice();
        for capital in character.to_uppercase() {
            let mut bytes = [0; 4];
            let bytes = capital.encode_utf8(&mut bytes).as_bytes();
            rest = rest
                .strip_prefix(bytes)
                .unwrap_or_else(|| panic!("{character:?} became {answer:x?}"));
        }
        assert!(rest.is_empty(), "{character:?} became {answer:x?}");
    }
}

#[test]
fn every_scalar_between_neighbours_of_every_width_is_upper_cased_as_by_std() {
    let scalars: Vec<char> = scalars().collect();
    for neighbour in NEIGHBOURS {
        for some in scalars.chunks(1 << 14) {
            let text: String = some
                .iter()
                .map(|character| format!("{character}{neighbour}"))
                .collect();
            let mut answer = Vec::new();
            append(text.as_bytes(), &mut answer);
            assert!(
                answer == text.to_uppercase().as_bytes(),
                "{:?}.. beside {neighbour:?}",
                some[0]
            );
        }
    }
}

#[test]
fn every_scalar_that_changes_does_so_in_place_or_stops_there() {
    for character in scalars().filter(|character| !character.to_uppercase().eq([*character])) {
        for before in NEIGHBOURS {
            check(format!("{before}{character}").as_bytes());
            check(format!("{before:x<63}{character}{before}{character}").as_bytes());
        }
    }
}

#[test]
fn capitals_of_every_scalar_stay_unchanged() {
    let capitals: Vec<u8> = scalars()
        .flat_map(char::to_uppercase)
        .collect::<String>()
        .into_bytes();
    let mut again = capitals.clone();
    assert_eq!(
        in_place(&mut again),
        InPlace {
            changed: false,
            converted_len: capitals.len()
        }
    );
    assert!(again == capitals);
    again.clear();
    assert_eq!(append(&capitals, &mut again), Change::Unchanged);
    assert!(again == capitals);
}

#[test]
fn a_special_character_anywhere_in_a_text_of_any_length_is_seen() {
    for length in 0..=200_usize {
        for special in SPECIALS {
            for filler in ["x", "я", "—"] {
                let filler = filler.repeat(length / filler.len());
                let places = filler
                    .char_indices()
                    .map(|(place, _)| place)
                    .chain([filler.len()]);
                for place in places.filter(|place| length < 70 || place % 5 == length % 5) {
                    let (before, after) = filler.as_bytes().split_at(place);
                    let text = [before, special, after].concat();
                    check_at(Level::new(), &text, &naive(&text), first_resized(&text));
                }
            }
        }
    }
}

#[test]
fn every_pair_of_specials_astride_the_end_of_a_block_is_seen() {
    for first in SPECIALS {
        for second in SPECIALS {
            for before in 54..=66 {
                check(&[&b"y".repeat(before), first, second, b"zz"].concat());
            }
        }
    }
}

#[test]
fn a_long_run_of_ascii_between_special_characters_is_seen() {
    for special in SPECIALS {
        for before in [0, 30, 60, 61, 62, 63, 64] {
            for run in [448, 511, 512, 513, 1100] {
                let text = [
                    &b"y".repeat(before),
                    special,
                    &b"x".repeat(run),
                    special,
                    b"zz",
                ]
                .concat();
                check(&text);
                check(&text.to_ascii_uppercase());
            }
        }
    }
}

#[test]
fn every_two_bytes_that_are_not_a_character_stay_unchanged() {
    for first in 0x80..=0xFF {
        let text: Vec<u8> = (0..=0xFF)
            .flat_map(|second| [first, second, b'a', b' '])
            .collect();
        check(&text);
    }
}

#[test]
fn a_text_grows_to_at_most_three_times_its_length_and_one_does() {
    let mut longest = 0;
    for character in scalars() {
        let capitals: usize = character.to_uppercase().map(char::len_utf8).sum();
        assert!(
            capitals <= MAX_GROWTH * character.len_utf8(),
            "{character:?}"
        );
        longest = longest.max(capitals / character.len_utf8());
    }
    assert_eq!(longest, MAX_GROWTH);
    let text = "ΐ".repeat(1000);
    let mut answer = Vec::new();
    append(text.as_bytes(), &mut answer);
    assert_eq!(answer.len(), MAX_GROWTH * text.len());
}

#[test]
fn a_remainder_holds_only_what_may_still_become_a_character() {
    for (read, held) in [
        (b"a".as_slice(), 0),
        (b"a\xC2", 1),
        (b"\xC1", 0),
        (b"\xE0", 1),
        (b"\xE0\x80", 0),
        (b"\xE0\xA0", 2),
        (b"\xED\xA0", 0),
        (b"\xF0\x8F", 0),
        (b"\xF0\x90\x90", 3),
        (b"\xF4\x90", 0),
        (b"\xF5", 0),
        (b"\x80\x80\x80", 0),
        (b"\xD1\x91\x91", 0),
    ] {
        let mut remainder = Remainder::default();
        remainder.append(read, &mut Vec::new());
        assert_eq!(remainder.len(), held, "{read:x?}");
    }
}

#[test]
fn a_text_of_specials_may_be_cut_anywhere() {
    for first in SPECIALS {
        for second in SPECIALS {
            for third in SPECIALS {
                let text = [first, second, third].concat();
                check_cut(&text, (0..text.len()).collect());
                for cut in 0..text.len() {
                    check_cut(&text, vec![cut]);
                }
            }
        }
    }
}

/// Texts of any scripts, with an occasional byte that is not UTF-8.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[ -~\\n]{0,40}".prop_map(String::into_bytes),
        2 => "[a-zà-žſ-ɏ ]{0,30}".prop_map(String::into_bytes),
        2 => "[Ά-ϋ ]{0,30}".prop_map(String::into_bytes),
        2 => "[а-яёѐ-ԯ ]{0,30}".prop_map(String::into_bytes),
        2 => "[ა-ჿᲐ-Ჿա-և ]{0,30}".prop_map(String::into_bytes),
        2 => "[Ạ-ỹἀ-ῼ ]{0,30}".prop_map(String::into_bytes),
        1 => "[一-十。，가-긁 ]{0,30}".prop_map(String::into_bytes),
        1 => "[😀-😏𐐀-𐑏𞤀-𞥃 ]{0,20}".prop_map(String::into_bytes),
        1 => "\\PC{0,30}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => prop::sample::select(SPECIALS.as_slice()).prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_becomes_the_naive_answer(text in texts()) {
        check(&text);
    }

    #[test]
    fn any_bytes_become_the_naive_answer(text in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&text);
    }

    #[test]
    fn segments_are_separate_texts(
        text in prop_oneof![texts(), (0..700_usize, texts()).prop_map(|(letters, text)| {
            // So that some blocks at the beginning are only ASCII.
            [vec![b'a'; letters], text].concat()
        })],
        segment_size in prop_oneof![1..100_usize, Just(64), Just(128)],
    ) {
        let (mut place, mut marks) = (text.clone(), Marks::default());
        let converted_len = in_segments(&mut place, segment_size, &mut marks).converted_len;
        prop_assert_eq!(&place[converted_len..], &text[converted_len..]);
        let whole = if converted_len == text.len() {
            converted_len
        } else {
            converted_len - converted_len % segment_size
        };
        let expected: Vec<u8> = text[..whole].chunks(segment_size).flat_map(naive).collect();
        prop_assert_eq!(&place[..whole], expected);
        let unchanged = text[..whole].chunks(segment_size).zip(place.chunks(segment_size));
        let all_change = unchanged.clone().all(|(before, after)| before != after);
        prop_assert!(all_change || !marks.all_segments_changed(segment_size, whole));
        if segment_size == 64 && whole > 0 {
            prop_assert_eq!(marks.all_segments_changed(64, whole), all_change);
        }
        for (index, (before, after)) in unchanged.enumerate() {
            let at = index * segment_size;
            prop_assert_eq!(marks.any(at..at + before.len()), before != after);
        }
    }

    #[test]
    fn marks_report_whether_any_part_was_changed(
        text in texts(),
        ends in prop::collection::vec(any::<[prop::sample::Index; 2]>(), 20),
    ) {
        let (mut place, mut marks) = (text.clone(), Marks::default());
        let converted_len = in_segments(&mut place, usize::MAX, &mut marks).converted_len;
        for [from, to] in ends {
            let (from, to) = (from.index(converted_len + 1), to.index(converted_len + 1));
            let part = from.min(to)..from.max(to);
            prop_assert_eq!(marks.any(part.clone()), text[part.clone()] != place[part]);
        }
    }

    #[test]
    fn any_text_may_be_cut_anywhere(text in texts(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let cuts = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        check_cut(&text, cuts);
    }
}
