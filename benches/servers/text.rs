//! Texts in several scripts whose capitals have the same length.

use crate::failure::Failure;
use crate::tools::Tools;
use std::path::PathBuf;

/// The length of the header that the C generators write before every text (ledger.h).
const HEADER_LENGTH: usize = 16;

/// The language of the texts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// The generator's own text.
    Ascii,
    German,
    Russian,
    Greek,
}

impl Script {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ASCII",
            Self::German => "German",
            Self::Russian => "Russian",
            Self::Greek => "Greek",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Ascii => "the quick brown fox jumps over the lazy dog, ",
            Self::German => "zwölf boxkämpfer jagen viktor quer über den großen sylter deich, ",
            Self::Russian => "съешь же ещё этих мягких французских булок, да выпей чаю, ",
            Self::Greek => "ξεσκεπάζω την ψυχοφθόρα βδελυγμία στο σκοτεινό δάσος, ",
        }
    }

    /// Writes the body of texts of `size` bytes and its expected answer to two files.
    pub(crate) fn write(self, size: usize, tools: &Tools) -> Result<(PathBuf, PathBuf), Failure> {
        let length = size
            .checked_sub(HEADER_LENGTH)
            .ok_or("a text in a script has at least 16 bytes")?;
        let mut text = String::new();
        for letter in self.sentence().chars().cycle() {
            if text.len() + letter.len_utf8() > length {
                break;
            }
            text.push(letter);
        }
        // Less than one letter is missing.
        while text.len() < length {
            text.push('.');
        }
        let answer = text.to_uppercase();
        if answer.len() != text.len() {
            return Err("the capitals differ in length, which would split runs".into());
        }
        let name = |end: &str| tools.text_file(&format!("{}-{size}.{end}", self.name()));
        let (text_path, answer_path) = (name("txt"), name("expect.txt"));
        std::fs::write(&text_path, text)?;
        std::fs::write(&answer_path, answer)?;
        Ok((text_path, answer_path))
    }
}
