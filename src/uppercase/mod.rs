//! The transformation: bytes in, capitals out.

/// Appends `text` in capitals to `answer`.
pub fn append(text: &[u8], answer: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        answer.extend_from_slice(chunk.valid().to_uppercase().as_bytes());
        answer.extend_from_slice(chunk.invalid());
    }
}
