//! The transformation: bytes in, capitals out.

/// Appends `text` in capitals to `answer`.
pub fn append(text: &[u8], answer: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        answer.extend_from_slice(chunk.valid().to_uppercase().as_bytes());
        answer.extend_from_slice(chunk.invalid());
    }
}

/// In place.
pub struct InPlace {
    /// Whether anything changed.
    pub changed: bool,
    /// How far it went.
    pub done: usize,
}

/// Upper-cases from the front as long as no character changes its byte length.
pub fn in_place(text: &mut [u8]) -> InPlace {
    let mut answer = Vec::new();
    append(text, &mut answer);
    if text.is_ascii() {
        let changed = answer != text;
        text.copy_from_slice(&answer);
        return InPlace {
            changed,
            done: text.len(),
        };
    }
    InPlace {
        changed: false,
        done: 0,
    }
}

/// A character cut in two.
#[derive(Default)]
pub struct Remainder {
    held: Vec<u8>,
}

impl Remainder {
    /// Appends what `read` completes.
    pub fn append(&mut self, read: &[u8], answer: &mut Vec<u8>) {
        self.held.extend_from_slice(read);
        let whole = match self.held.utf8_chunks().last() {
            Some(chunk)
                if !chunk.invalid().is_empty()
                    && self.held.ends_with(chunk.invalid())
                    && std::str::from_utf8(chunk.invalid())
                        .is_err_and(|e| e.error_len().is_none()) =>
            {
                self.held.len() - chunk.invalid().len()
            }
            _ => self.held.len(),
        };
        append(&self.held[..whole], answer);
        self.held.drain(..whole);
    }

    /// Gives the rest back.
    pub fn finish(&mut self, answer: &mut Vec<u8>) {
        answer.append(&mut self.held);
    }
}
