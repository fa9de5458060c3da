//! The measurements, with criterion.

use std::hint::black_box;

use capitals::{append, in_place};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group};

const TEXTS: [(&str, &str); 10] = [
    (
        "ascii",
        "All human beings are born free and equal in dignity and rights.\n",
    ),
    (
        "english",
        "All human beings are “born free” and equal — it’s only fair — in dignity and rights.\n",
    ),
    (
        "german",
        "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und \
         Gewissen begabt und sollen einander im Geiste der Brüderlichkeit begegnen, groß und klein.\n",
    ),
    (
        "french",
        "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de \
         raison et de conscience et doivent agir dans un esprit de fraternité : l’œuvre « été ».\n",
    ),
    (
        "russian",
        "Все люди рождаются свободными и равными в своём достоинстве и правах.\nОни наделены разумом и \
         совестью и должны поступать в отношении друг друга в духе братства — всегда!\n",
    ),
    (
        "greek",
        "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι \
         προικισμένοι με λογική και συνείδηση.\n",
    ),
    (
        "georgian",
        "ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით.\n",
    ),
    (
        "chinese",
        "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，UDP 服务器回答每个文本。\n",
    ),
    (
        "turkish",
        "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler.\n",
    ),
    (
        "emoji",
        "hello 👋🏽 world 🌍! great job 🎉🎉 see you at 5 😀 — bring cake 🍰 and ☕ please ❤️ thanks 🙏\n",
    ),
];

const LENGTHS: [(&str, usize); 2] = [("60 B", 60), ("1 MiB", 1 << 20)];

/// `sentence` repeated, up to the last whole character within `length` bytes.
fn text(sentence: &str, length: usize) -> String {
    let mut text = String::with_capacity(length);
    for character in sentence.chars().cycle() {
        if text.len() + character.len_utf8() > length {
            break;
        }
        text.push(character);
    }
    text
}

fn measure(group: &mut BenchmarkGroup<WallTime>, text: &str) {
    let capitals = text.to_uppercase().into_bytes();
    group.throughput(Throughput::Bytes(text.len() as u64));

    let mut buffer = text.as_bytes().to_vec();
    let converted_len = in_place(&mut buffer).converted_len;
    let is_whole = converted_len == text.len();
    assert!(
        is_whole && buffer == capitals
            || buffer[converted_len..] == text.as_bytes()[converted_len..]
    );
    if is_whole {
        group.bench_function("in_place", |bencher| {
            bencher.iter(|| {
                buffer.copy_from_slice(black_box(text.as_bytes()));
                in_place(black_box(&mut buffer))
            });
        });
        group.bench_function("copy", |bencher| {
            bencher.iter(|| black_box(&mut buffer).copy_from_slice(black_box(text.as_bytes())));
        });
    }

    let mut answer = Vec::new();
    append(text.as_bytes(), &mut answer);
    assert!(answer == capitals);
    group.bench_function("append", |bencher| {
        bencher.iter(|| {
            answer.clear();
            append(black_box(text.as_bytes()), black_box(&mut answer))
        });
    });
    group.bench_function("std", |bencher| {
        bencher.iter(|| black_box(text).to_uppercase())
    });
}

fn uppercase(criterion: &mut Criterion) {
    for (length_name, length) in LENGTHS {
        for (language, sentence) in TEXTS {
            let mut group = criterion.benchmark_group(format!("{length_name}/{language}"));
            measure(&mut group, &text(sentence, length));
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800));
    targets = uppercase
}

/// Measures what the command line names.
pub(super) fn run() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
