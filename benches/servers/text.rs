//! Texts in several scripts, as long in capitals as they are in small letters.

use crate::Failure;
use crate::tools::Tools;
use std::path::PathBuf;

/// The letters of the header that the generator puts before every text.
const HEADER: usize = 16;

/// What the texts are written in.
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

    /// Writes the body of texts of `size` bytes, and the answer it is owed, into two files.
    pub(crate) fn write(self, size: usize, tools: &Tools) -> Result<(PathBuf, PathBuf), Failure> {
        let length = size
            .checked_sub(HEADER)
            .ok_or("a text of words has 16 bytes or more")?;
        let mut text = String::new();
        for letter in self.sentence().chars().cycle() {
            if text.len() + letter.len_utf8() > length {
                break;
            }
            text.push(letter);
        }
        // What is left is less than one letter.
        while text.len() < length {
            text.push('.');
        }
        let answer = text.to_uppercase();
        if answer.len() != text.len() {
            return Err("capitals of another length: such a text does not stay in its run".into());
        }
        let name = |end: &str| tools.text_file(&format!("{}-{size}.{end}", self.name()));
        let (text_path, answer_path) = (name("txt"), name("expect.txt"));
        std::fs::write(&text_path, text)?;
        std::fs::write(&answer_path, answer)?;
        Ok((text_path, answer_path))
    }
}
