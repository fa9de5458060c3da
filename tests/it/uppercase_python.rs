//! The answers against another implementation of the same standard: Python's `str.upper`.
//!
//! Only characters assigned in both Unicode versions are compared: Python reports its version, and
//! a category other than `Cn` for each assigned character.

use std::process::Command;

use capitals::append;

/// Prints the Unicode version, then `scalar capitals`, in hexadecimal, for each assigned scalar.
const SCRIPT: &str = "
import unicodedata
print(unicodedata.unidata_version)
for scalar in range(0x110000):
    character = chr(scalar)
    if unicodedata.category(character) not in ('Cn', 'Cs'):
        print('%x' % scalar, character.upper().encode().hex())
";

#[test]
fn every_assigned_scalar_is_upper_cased_as_by_python() {
    let output = match Command::new("python3").args(["-c", SCRIPT]).output() {
        Ok(output) => output,
        Err(error) => return eprintln!("skipped: no python3 ({error})"),
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let (version, lines) = text.split_once('\n').unwrap();
    let version: Vec<u8> = version
        .trim()
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    let (ours, _, _) = char::UNICODE_VERSION;

    let mut compared = 0;
    for line in lines.lines() {
        let (scalar, expected) = line.trim().split_once(' ').unwrap();
        let character = u32::from_str_radix(scalar, 16)
            .ok()
            .and_then(char::from_u32)
            .unwrap();
        let mut answer = Vec::new();
        append(character.to_string().as_bytes(), &mut answer);
        let answer: String = answer.iter().map(|byte| format!("{byte:02x}")).collect();
        if answer == expected {
            compared += 1;
            continue;
        }
        // A newer version may add a capital to an old lower-case letter, and never removes one.
        let newer_has_capital = if version[0] < ours {
            expected == hexadecimal(character)
        } else {
            version[0] > ours && answer == hexadecimal(character)
        };
        assert!(
            newer_has_capital,
            "U+{scalar}: {answer} here, {expected} in Python, Unicode {version:?}"
        );
    }
    assert!(compared > 100_000, "only {compared} scalars compared");
}

fn hexadecimal(character: char) -> String {
    character
        .to_string()
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
